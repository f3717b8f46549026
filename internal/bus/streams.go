package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// The streams.
const (
	Changes = "CHANGES"
	Syncs   = "SYNC"
	Parked  = "PARKED"
	Blobs   = "BLOBS"
	Failed  = "FAILED"
	Held    = "HELD"
	History = "HISTORY"
)

// duplicates is how long a Nats-Msg-Id is remembered. It is stream-wide, and so for event ids only.
const duplicates = 2 * time.Minute

// laneSubjects are the subjects of a work queue: head.high.>, head.normal.>, head.refresh.>.
func laneSubjects(head string) (subjects []string) {
	for _, l := range item.Lanes() {
		subjects = append(subjects, head+"."+string(l)+".>")
	}
	return subjects
}

// head is the first token of a work queue's subjects.
func head(stream string) string {
	if stream == Syncs {
		return "sync"
	}
	return "change"
}

func workQueue(name string, subjects []string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: subjects, Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1,
		Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage, Duplicates: duplicates, AllowDirect: true,
	}
}

func latest(name, subject string, age time.Duration) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, MaxMsgsPerSubject: 1, MaxAge: age,
		Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage, Duplicates: duplicates, AllowDirect: true,
	}
}

// streams lists what Ensure makes. HISTORY comes before CHANGES, which fills it.
func streams() []jetstream.StreamConfig {
	changes := workQueue(Changes, append(laneSubjects("change"), "due.>"))
	changes.AllowMsgSchedules = true
	changes.RePublish = &jetstream.RePublish{Source: "change.>", Destination: "history.>"}
	return []jetstream.StreamConfig{
		{
			Name: History, Subjects: []string{"history.>"}, MaxAge: 72 * time.Hour, MaxBytes: historyMost,
			Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage, Duplicates: duplicates, AllowDirect: true,
		},
		changes,
		workQueue(Syncs, laneSubjects("sync")),
		workQueue(Parked, []string{"parked.>"}),
		latest(Blobs, "blob.>", time.Hour),
		latest(Failed, "failed.>", 0),
		latest(Held, "held.>", 0),
	}
}

func buckets() []jetstream.KeyValueConfig {
	return []jetstream.KeyValueConfig{
		{Bucket: "switches", History: 64, RePublish: hints("switches")},
		{Bucket: "catalog", History: 64, RePublish: hints("catalog")},
		{Bucket: "templates", History: 64, RePublish: hints("templates")},
		{Bucket: "nodes", History: 1, TTL: 10 * time.Second},
		{Bucket: "roster", History: 1, TTL: 24 * time.Hour}, // who is expected to answer; see control.Members
		{Bucket: "marks", History: 1},                       // what workers note for each other
	}
}

// hints has a bucket publish that there is something new, for those who watch it.
func hints(bucket string) *jetstream.RePublish {
	return &jetstream.RePublish{Source: "$KV." + bucket + ".>", Destination: hintHead + bucket + ".>", HeadersOnly: true}
}

// Ensure makes the streams and buckets that are missing, with the replicas that are wanted, and updates those that differ. The
// replicas and the placement of those that are there, and how much HISTORY holds, are the operator's and stay. It refuses a NATS that is
// too old.
func (c *Conn) Ensure(ctx context.Context) error {
	if err := c.Check(ctx); err != nil {
		return err
	}
	for _, cfg := range streams() {
		if err := c.ensureStream(ctx, cfg); err != nil {
			return reached("make the stream "+cfg.Name, err)
		}
	}
	for _, cfg := range buckets() {
		if !c.mayMake(cfg.Bucket) {
			continue
		}
		if err := c.ensureBucket(ctx, cfg); err != nil {
			return reached("make the bucket "+cfg.Bucket, err)
		}
	}
	return nil
}

// ensureOnly is Ensure for one stream.
func (c *Conn) ensureOnly(ctx context.Context, name string) error {
	all := streams()
	i := slices.IndexFunc(all, func(cfg jetstream.StreamConfig) bool { return cfg.Name == name })
	if err := c.ensureStream(ctx, all[i]); err != nil {
		return reached("make the stream "+name, err)
	}
	return nil
}

func (c *Conn) ensureStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	old, err := c.js.Stream(ctx, cfg.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && cfg.Name == History:
		return c.makeHistory(ctx, cfg)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return c.createStream(ctx, cfg)
	case err != nil:
		return err
	default:
		was := old.CachedInfo().Config
		if cfg.Name == History {
			cfg.MaxBytes = was.MaxBytes
		}
		if meets(was, cfg) {
			return nil // not every role may change it
		}
		cfg.Replicas = was.Replicas
		cfg.Placement = was.Placement
	}
	_, err = c.js.UpdateStream(ctx, cfg)
	return err
}

func (c *Conn) createStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	return c.replicate(func(replicas int) error {
		cfg.Replicas = replicas
		_, err := c.js.CreateStream(ctx, cfg)
		return err
	})
}

// meets reports whether a stream has the wanted configuration, in so far as streams sets it. The server fills in the rest.
func meets(is, want jetstream.StreamConfig) bool {
	return slices.Equal(is.Subjects, want.Subjects) &&
		(want.Retention == jetstream.LimitsPolicy || is.Retention == want.Retention) &&
		(want.MaxMsgsPerSubject == 0 || is.MaxMsgsPerSubject == want.MaxMsgsPerSubject) &&
		(want.MaxBytes == 0 || is.MaxBytes == want.MaxBytes) &&
		(want.MaxAge == 0 || is.MaxAge == want.MaxAge) &&
		is.Duplicates == want.Duplicates &&
		(is.AllowDirect || !want.AllowDirect) &&
		(is.AllowMsgSchedules || !want.AllowMsgSchedules) &&
		(want.RePublish == nil || republishes(is, want.RePublish))
}

// republishes reports whether a stream republishes as wanted, nil for not at all.
func republishes(is jetstream.StreamConfig, want *jetstream.RePublish) bool {
	if is.RePublish == nil || want == nil {
		return is.RePublish == want
	}
	return *is.RePublish == *want
}

func (c *Conn) ensureBucket(ctx context.Context, cfg jetstream.KeyValueConfig) error {
	js := c.Bucket(cfg.Bucket).home().js
	old, err := js.Stream(ctx, bucketStream(cfg.Bucket))
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return c.replicate(func(replicas int) error {
			cfg.Replicas = replicas
			_, err := js.CreateKeyValue(ctx, cfg)
			return err
		})
	case err != nil:
		return err
	default:
		was := old.CachedInfo().Config
		if was.MaxMsgsPerSubject == int64(cfg.History) && was.MaxAge == cfg.TTL && was.SubjectDeleteMarkerTTL == cfg.LimitMarkerTTL &&
			republishes(was, cfg.RePublish) {
			return nil
		}
		cfg.Replicas = was.Replicas
		cfg.Placement = was.Placement
	}
	_, err = js.UpdateKeyValue(ctx, cfg)
	return err
}
