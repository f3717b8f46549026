package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// A bucket is read as the log that its stream is, by direct gets of many messages at once. No consumer is made: a read
// has no side effect at the server, and may be allowed to those who may do nothing else.

// One direct get answers at most so much.
const (
	readBatch = 256
	readBytes = 8 << 20
)

// directGet is a request of JetStream's API; see JSApiMsgGetRequest of nats-server.
type directGet struct {
	Seq       uint64   `json:"seq,omitempty"`
	LastFor   string   `json:"last_by_subj,omitempty"`
	NextFor   string   `json:"next_by_subj,omitempty"`
	MultiLast []string `json:"multi_last,omitempty"`
	UpTo      uint64   `json:"up_to_seq,omitempty"`
	Batch     int      `json:"batch,omitempty"`
	MaxBytes  int      `json:"max_bytes,omitempty"`
}

// errTooMany is a bucket with more keys than JetStream gives the latest of.
var errTooMany = errors.New("too many keys")

func (b *Bucket) subjects() string { return "$KV." + b.name + ".>" }

// latest calls f with the latest revision of each key, deleted ones included, in the order of revisions. All that comes
// after it has at least the revision next, 0 where the bucket is empty.
func (b *Bucket) latest(ctx context.Context, f func(Entry) error) (next uint64, err error) {
	request := directGet{MultiLast: []string{b.subjects()}, Batch: readBatch, MaxBytes: readBytes}
	next, err = b.read(ctx, request, f)
	if errors.Is(err, errTooMany) {
		return b.latestOfAll(ctx, f)
	}
	return next, err
}

// latestOfAll is latest by a read of every revision.
func (b *Bucket) latestOfAll(ctx context.Context, f func(Entry) error) (next uint64, err error) {
	var all []Entry
	newest := map[string]uint64{}
	next, err = b.from(ctx, 1, func(e Entry) error {
		all = append(all, e)
		newest[e.Key] = e.Revision
		return nil
	})
	for _, e := range all {
		if err == nil && newest[e.Key] == e.Revision {
			err = f(e)
		}
	}
	return next, err
}

// from calls f with each revision from one on.
func (b *Bucket) from(ctx context.Context, revision uint64, f func(Entry) error) (next uint64, err error) {
	next, err = b.read(ctx, directGet{Seq: revision, NextFor: b.subjects(), Batch: readBatch, MaxBytes: readBytes}, f)
	return max(next, revision), err
}

// read asks until nothing is left, and returns the revision after the last.
func (b *Bucket) read(ctx context.Context, request directGet, f func(Entry) error) (next uint64, err error) {
	for {
		end, err := b.readBatch(ctx, request, f)
		next = max(next, end.next)
		if err != nil || end.pending == 0 {
			return next, err
		}
		request.Seq = end.last + 1
		request.UpTo = end.upTo
	}
}

// batchEnd is what is known after one direct get.
type batchEnd struct {
	last, next, upTo, pending uint64
}

// readBatch asks once. Where the request has no batch, the answer is one message.
func (b *Bucket) readBatch(ctx context.Context, request directGet, f func(Entry) error) (end batchEnd, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answers, stop, err := b.ask(ctx, request)
	if err != nil {
		return end, err
	}
	defer stop()
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return end, reached("read the bucket "+b.name, err)
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204": // the end of the batch
			end.pending, end.upTo = number(m, "Nats-Num-Pending"), number(m, "Nats-UpTo-Sequence")
			end.next = max(end.last, end.upTo) + 1
			return end, nil
		case "404": // there is nothing
			return end, nil
		default:
			return end, b.refused(ctx, status, m.Header.Get("Description"))
		}
		e := b.logged(m)
		end.last = e.Revision
		end.next = e.Revision + 1
		if err := f(e); err != nil || request.Batch == 0 {
			return end, err
		}
	}
}

// one reads a single revision, with less ado than readBatch; not ok is anything else than that revision.
func (b *Bucket) one(ctx context.Context, revision uint64) (e Entry, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	at := b.home()
	m, err := at.conn.nats.RequestWithContext(ctx, at.prefix+".DIRECT.GET.KV_"+b.name, []byte(`{"seq":`+strconv.FormatUint(revision, 10)+`}`))
	if err != nil || m.Header.Get("Status") != "" {
		return Entry{}, false
	}
	e = b.logged(m)
	return e, e.Revision == revision
}

// ask sends a direct get, and gives what its answers come to.
func (b *Bucket) ask(ctx context.Context, request directGet) (answers *nats.Subscription, stop func(), err error) {
	at := b.home()
	body, err := json.Marshal(request)
	if err != nil {
		return nil, nil, err
	}
	inbox := at.conn.nats.NewInbox()
	answers, err = at.conn.nats.SubscribeSync(inbox)
	if err != nil {
		return nil, nil, reached("read the bucket "+b.name, err)
	}
	stop = func() { _ = answers.Unsubscribe() } // fails only where the connection is gone
	if err := at.conn.nats.PublishRequest(at.prefix+".DIRECT.GET.KV_"+b.name, inbox, body); err != nil {
		stop()
		return nil, nil, reached("read the bucket "+b.name, err)
	}
	return answers, stop, ctx.Err()
}

// refused makes an error of a status that is no answer.
func (b *Bucket) refused(ctx context.Context, status, text string) error {
	switch status {
	case "413":
		return errTooMany
	case "503": // nobody has such a bucket, or nobody has it now
		if _, err := b.info(ctx); errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("bucket %s: it is not there: %w", b.name, ErrNoEntry)
		}
	}
	return fmt.Errorf("%w: read the bucket %s: NATS says %s %s", item.ErrUnavailable, b.name, status, text)
}

// logged reads a message as a direct get gives it.
func (b *Bucket) logged(m *nats.Msg) Entry {
	created, _ := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp")) // zero where there is none
	return Entry{
		Key: strings.TrimPrefix(m.Header.Get("Nats-Subject"), "$KV."+b.name+"."), Value: m.Data, Created: created,
		Pushed:   pushedAt(m.Header, created),
		Revision: number(m, "Nats-Sequence"),
		Deleted:  m.Header.Get("KV-Operation") != "" || m.Header.Get("Nats-Marker-Reason") != "",
	}
}

func number(m *nats.Msg, header string) uint64 {
	n, _ := strconv.ParseUint(m.Header.Get(header), 10, 64) // 0 where there is none
	return n
}

// info looks at the bucket's stream, and learns from the answer what time it is at the server.
func (b *Bucket) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	asked := time.Now()
	stream, err := b.home().js.Stream(ctx, bucketStream(b.name))
	if err != nil {
		return nil, fmt.Errorf("look at the bucket %s: %w", b.name, err)
	}
	info := stream.CachedInfo()
	b.conn.clock.learn(asked, time.Now(), info.TimeStamp)
	return info, nil
}

// Made returns when the bucket was made, which distinguishes it from others of its name.
func (b *Bucket) Made(ctx context.Context) (time.Time, error) {
	info, err := b.info(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return time.Time{}, fmt.Errorf("bucket %s: it is not there: %w", b.name, ErrNoEntry)
	}
	if err != nil {
		return time.Time{}, b.failed("look at", "it", err)
	}
	return info.Created, nil
}

// Now looks what time it is at the server that holds the bucket.
func (b *Bucket) Now(ctx context.Context) (time.Time, error) {
	if _, err := b.info(ctx); err != nil {
		return time.Time{}, b.failed("look at", "it", err)
	}
	now, _ := b.conn.Now()
	return now, nil
}
