package bus

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxEvent is the largest body that is looked at for a time; a change's body is a hint.
const maxEvent = 64 << 10

// eventTime is when a change happened: the header of a binary CloudEvent, the "time" of a structured one,
// else when it was published.
func eventTime(msg jetstream.Msg, published time.Time) time.Time {
	if text := msg.Headers().Get(timeHeader); text != "" {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t
		}
	}
	if t, ok := bodyTime(msg.Data()); ok {
		return t
	}
	return published
}

func bodyTime(body []byte) (time.Time, bool) {
	if len(body) == 0 || len(body) > maxEvent || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return time.Time{}, false
	}
	var event struct {
		Spec string    `json:"specversion"`
		Time time.Time `json:"time"`
	}
	if err := json.Unmarshal(body, &event); err != nil || event.Spec == "" || event.Time.IsZero() {
		return time.Time{}, false
	}
	return event.Time, true
}
