package node

import (
	"cmp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/rooms"
)

// newHearing has a process know whether it hears all that is announced, in its own room and, by its room's relays, in the others.
func (n *process) newHearing(others []string) *rooms.Hearing {
	own := cmp.Or(n.switches.Who().Room, "local")
	h := rooms.NewHearing(rooms.HearingConfig{Room: own, Others: others, End: n.bus.Announced, Notes: n.bus.Bucket(MarksBucket)})
	for _, room := range append([]string{own}, others...) {
		n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "vitrine_announcements_missing_seconds", Help: "Time since all had come that was announced in the room.",
			ConstLabels: prometheus.Labels{"room": room},
		}, func() float64 { return h.Missing()[room].Seconds() }))
	}
	n.hearing = h
	return h
}

// hears reports whether announcements arrive at present.
func (n *process) hears() bool { return n.bus.Connected() && n.hearing.Complete() }

// unheard says which rooms a server of pages does not hear; "" if it hears all.
func (n *process) unheard() string {
	names := n.hearing.Unheard()
	if len(names) == 0 {
		return ""
	}
	return "what is announced in the room " + strings.Join(names, " and in ") + " does not arrive here: pages are served as they are known, marked X-Vitrine-Stale, until it does\n"
}
