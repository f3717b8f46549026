package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"vitrine/internal/bus"
)

// pushedBuckets are the buckets that only operators may write.
var pushedBuckets = []string{"switches", "catalog", "templates"}

// TestOnlyOperatorsWriteControlBuckets proves that with deploy/nats no user can write to a pushed bucket by
// having a reply delivered there. Within one NATS account that would work, since NATS does not check the reply
// subject of a request.
func TestOnlyOperatorsWriteControlBuckets(t *testing.T) {
	t.Parallel()
	t.Run("the attacks work where all is one account", func(t *testing.T) {
		s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
		if err != nil {
			t.Fatal(err)
		}
		address := startNATS(t, s)
		operator := dialBus(t, bus.Config{URL: "nats://" + address})
		if err := operator.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := whatIsPushed(t, operator)
		attack(t, "nats://"+address) // only through reply subjects, since this user may do everything else anyway
		eventually(t, func() string {
			if after := whatIsPushed(t, operator); after == before {
				return "no attack has any effect: this test proves nothing"
			}
			return ""
		})
	})
	url := deployedNATS(t)
	operator := dialBus(t, bus.Config{URL: url("operator"), Control: url("control")})
	if err := operator.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.Bucket("switches").Put(t.Context(), "read.redis/all", []byte(`{"value":"on"}`)); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"upstream", "detail", "worker", "room"} {
		t.Run(user, func(t *testing.T) {
			before := whatIsPushed(t, operator)
			attack(t, url(user), "$JS.API", "control.API")
			if after := whatIsPushed(t, operator); after != before {
				t.Errorf("before: %s\nafter: %s", before, after)
			}
		})
	}
	t.Run("a process reads it all the same", func(t *testing.T) {
		detail := dialBus(t, bus.Config{URL: url("detail"), Control: "control.API"})
		e, err := detail.Bucket("switches").Get(t.Context(), "read.redis/all")
		if err != nil || string(e.Value) != `{"value":"on"}` {
			t.Error(e, err)
		}
	})
}

func dialBus(t *testing.T, cfg bus.Config) *bus.Conn {
	t.Helper()
	cfg.Name, cfg.Log = t.Name(), slog.New(slog.DiscardHandler)
	conn, err := bus.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// whatIsPushed lists the contents of the pushed buckets as an operator sees them.
func whatIsPushed(t *testing.T, operator *bus.Conn) string {
	t.Helper()
	var text strings.Builder
	for _, name := range pushedBuckets {
		all, err := operator.Bucket(name).History(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			fmt.Fprintf(&text, "%s %s %d %s\n", name, e.Key, e.Revision, e.Value)
		}
	}
	return text.String()
}

// attack publishes everything that a user may publish, with reply subjects in the pushed buckets, and the requests of
// the JetStream API that it may not send, under each prefix. It returns when the server has answered or refused all
// of them.
func attack(t *testing.T, url string, apis ...string) {
	t.Helper()
	user, _, _ := strings.Cut(strings.TrimPrefix(url, "nats://"), ":")
	nc, err := nats.Connect(url, nats.CustomInboxPrefix("_INBOX."+user), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	forged := []byte(`{"value":"off","reason":"forged"}`)
	consumer := func(stream, deliver string) []byte {
		body, err := json.Marshal(map[string]any{"stream_name": stream, "config": map[string]any{"deliver_subject": deliver, "deliver_policy": "all", "ack_policy": "none"}})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	// These are the subjects that the roles use themselves.
	for _, own := range []string{"change.high.sku.product.1", "blob.sku.1", "$KV.nodes.me", "$KV.marks.me", "sync.high.sku.1"} {
		nc.Publish(own, forged)
	}
	for _, name := range pushedBuckets {
		target := "$KV." + name + ".read.redis/all"
		nc.Publish(target, forged)
		requests := []struct {
			subject string
			body    []byte
		}{
			{"change.high.sku.product.2", nil},
			{"due.x", nil},
			{"blob.sku.2", nil},
			{"$KV.nodes.me", forged},
			{"applied.switches.1", forged},
			{"ask.nodes", nil},
			{"$JS.API.INFO", nil},
			{"$JS.API.STREAM.NAMES", nil},
			{"$JS.API.STREAM.INFO.BLOBS", nil},
			{"$JS.ACK.BLOBS.c.1.1.1.1.0", nil},
			{"$JS.FC.BLOBS.c.1", nil},
			{"$JS.API.STREAM.MSG.GET.BLOBS", []byte(`{"seq":1}`)},
			{"$JS.API.CONSUMER.CREATE.BLOBS", consumer("BLOBS", target)},
			{"$JS.API.CONSUMER.CREATE.CHANGES", consumer("CHANGES", target)},
			{"$JS.API.CONSUMER.MSG.NEXT.BLOBS.c", []byte(`{"batch":1}`)},
		}
		for _, stream := range []string{"BLOBS", "CHANGES", "KV_nodes", "KV_marks"} {
			requests = append(requests, struct {
				subject string
				body    []byte
			}{"$JS.API.DIRECT.GET." + stream, []byte(`{"seq":1,"batch":10}`)})
		}
		for _, api := range apis {
			stream := "KV_" + name
			for subject, body := range map[string][]byte{
				".DIRECT.GET.KV_switches":                   []byte(`{"seq":1,"batch":10}`),
				".STREAM.INFO." + stream:                    nil,
				".STREAM.PURGE." + stream:                   nil,
				".STREAM.DELETE." + stream:                  nil,
				".STREAM.MSG.DELETE." + stream:              []byte(`{"seq":1}`),
				".STREAM.UPDATE." + stream:                  []byte(`{"name":"` + stream + `","subjects":["change.>"]}`),
				".STREAM.SNAPSHOT." + stream:                []byte(`{"deliver_subject":"` + target + `"}`),
				".CONSUMER.CREATE." + stream:                consumer(stream, "$KV.catalog.catalog"),
				".CONSUMER.CREATE." + stream + ".x.$KV.>":   consumer(stream, "$KV.catalog.catalog"),
				".DIRECT.GET." + stream + ".$KV.switches.>": nil,
			} {
				requests = append(requests, struct {
					subject string
					body    []byte
				}{api + subject, body})
			}
		}
		for _, r := range requests {
			nc.PublishRequest(r.subject, target, r.body)
			for _, api := range apis {
				nc.PublishRequest(r.subject, api+".DIRECT.GET.KV_switches", r.body)
				nc.PublishRequest(r.subject, api+".STREAM.INFO.KV_"+name, r.body)
			}
		}
	}
	settle(t, nc)
}

// settle returns when the server has processed all that a connection has sent. JetStream answers requests in order.
func settle(t *testing.T, nc *nats.Conn) {
	t.Helper()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := nc.FlushWithContext(ctx)
		if err == nil {
			short, stop := context.WithTimeout(ctx, 300*time.Millisecond) // a refused request gets no reply
			_, _ = nc.RequestWithContext(short, "$JS.API.INFO", nil)
			stop()
		}
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
}
