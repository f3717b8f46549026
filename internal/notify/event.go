package notify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// event is one event of a notification, which may have several.
type event struct {
	header http.Header
	body   json.RawMessage
	data   json.RawMessage // data of a CloudEvent; of other forms the body
	time   time.Time       // zero if the sender does not give one
}

// eventsOf returns the events of a request, whose form is one of catalog's. Errors wrap item.ErrRefused.
func eventsOf(form string, q request) ([]event, error) {
	if form == catalog.FormCloudEvents {
		return cloudEvents(q)
	}
	body, err := shape.Compact(q.body)
	if err != nil {
		return nil, err
	}
	if form == catalog.FormCommercetools {
		body, err = commercetools(body)
		if err != nil {
			return nil, err
		}
	}
	return []event{{header: q.header, body: body, data: body}}, nil
}

// commercetools returns a notification without the envelope of the service that carried it: Google's Pub/Sub, SNS or a CloudEvent.
func commercetools(body []byte) ([]byte, error) {
	var wrapped struct {
		Message json.RawMessage `json:"message"` // of Pub/Sub
		Text    string          `json:"Message"` // of SNS
		Spec    string          `json:"specversion"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &wrapped); err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	var pubsub struct {
		Data []byte `json:"data"`
	}
	switch {
	case wrapped.Spec != "" && len(wrapped.Data) > 0:
		return wrapped.Data, nil
	case wrapped.Text != "":
		return shape.Compact([]byte(wrapped.Text))
	case len(wrapped.Message) > 0 && json.Unmarshal(wrapped.Message, &pubsub) == nil && len(pubsub.Data) > 0:
		return shape.Compact(pubsub.Data)
	}
	return body, nil
}

// isCloudEvent reports whether the headers of a request mark it as a CloudEvent of any mode.
func isCloudEvent(header http.Header) bool {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return header.Get("Ce-Specversion") != "" || strings.HasPrefix(kind, "application/cloudevents")
}

// cloudEvents reads CloudEvents 1.0: one in binary mode if its attributes are headers, otherwise one in structured mode or a batch of these.
func cloudEvents(q request) ([]event, error) {
	if q.header.Get("Ce-Specversion") != "" {
		return binaryEvent(q)
	}
	body, err := shape.Compact(q.body)
	if err != nil {
		return nil, err
	}
	all, err := split(body)
	if err != nil {
		return nil, err
	}
	events := make([]event, len(all))
	for i, one := range all {
		events[i], err = structuredEvent(q.header, json.RawMessage(one))
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// attributes holds the attributes of a CloudEvent that are used here.
type attributes struct {
	Spec   string          `json:"specversion"`
	Type   string          `json:"type"`
	Source string          `json:"source"`
	ID     string          `json:"id"`
	Time   string          `json:"time"`
	Data   json.RawMessage `json:"data"`
	Base64 string          `json:"data_base64"`
}

// check checks the attributes that CloudEvents 1.0 requires, and returns the time; zero if there is none.
func (a attributes) check() (at time.Time, err error) {
	if a.Spec != "1.0" || a.Type == "" || a.Source == "" || a.ID == "" {
		return at, fmt.Errorf("%w: no CloudEvent 1.0: it needs specversion 1.0, type, source and id", item.ErrRefused)
	}
	if a.Time == "" {
		return at, nil
	}
	at, err = time.Parse(time.RFC3339Nano, a.Time)
	if err != nil {
		return at, fmt.Errorf("%w: the CloudEvent's time is %.40q, not RFC 3339", item.ErrRefused, a.Time)
	}
	return at, nil
}

func structuredEvent(header http.Header, body json.RawMessage) (e event, err error) {
	var a attributes
	if err := json.Unmarshal(body, &a); err != nil {
		return e, fmt.Errorf("%w: no CloudEvent: %w", item.ErrRefused, err)
	}
	e = event{header: header, body: body, data: a.Data}
	e.time, err = a.check()
	if err != nil || a.Base64 == "" {
		return e, err
	}
	data, err := base64.StdEncoding.DecodeString(a.Base64)
	if err != nil {
		return e, fmt.Errorf("%w: data_base64: %w", item.ErrRefused, err)
	}
	e.data, err = shape.Compact(data)
	return e, err
}

// binaryEvent returns an event of binary mode, with the body that it would have in structured mode.
func binaryEvent(q request) ([]event, error) {
	var a attributes
	members := map[string]any{}
	for name := range q.header {
		if attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-"); ok {
			members[attribute] = q.header.Get(name)
		}
	}
	a.Spec, _ = members["specversion"].(string)
	a.Type, _ = members["type"].(string)
	a.Source, _ = members["source"].(string)
	a.ID, _ = members["id"].(string)
	a.Time, _ = members["time"].(string)
	at, err := a.check()
	if err != nil {
		return nil, err
	}
	if len(q.body) > 0 {
		a.Data, err = shape.Compact(q.body)
		if err != nil {
			return nil, err
		}
		members["data"] = a.Data
	}
	body, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	return []event{{header: q.header, body: body, data: a.Data, time: at}}, nil
}
