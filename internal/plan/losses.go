package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// losses says what the loss of each part does to a room.
func (c Costs) losses(s Shop, m Machines, p Plan) []Loss {
	found := []Loss{}
	for _, part := range p.Parts {
		if part.Name == "heterog" || part.Name == "syncer" || part.Name == "detail" {
			found = append(found, Loss{"one " + part.Name, part.withoutOne(m)})
		}
	}
	waiting := s.waiting()
	found = append(found,
		Loss{"an upstream, or every heterog, for an hour", fmt.Sprintf("pages stay as they are; at most %s changes wait in NATS, %s of its disk in each copy; at full speed the room is through them %s later",
			Count(waiting), Bytes(waiting*WaitingBytes), span(waiting/max(c.rate(m, p)-s.Changes, 1e-9)))},
		c.lostNATS(s, m), lostRedis(s, m, p))
	if m.Rooms > 1 {
		found = append(found, Loss{"a room", fmt.Sprintf("%s its visitors: %s views/s each in place of %s; it catches up by itself if it is back within %s, else it has everything fetched anew",
			plural(m.Rooms-1, "the other one serves", "the %.0f others serve"), Count(s.Views*(1-s.Front)/(m.Rooms-1)), Count(s.Views*(1-s.Front)/m.Rooms), span(p.History))})
	} else {
		found = append(found, Loss{"the room", "every page: there is no second one"})
	}
	return found
}

// withoutOne says what the other processes of a part have to do.
func (p Part) withoutOne(m Machines) string {
	rest := (p.Machines - 1) * m.Cores
	text := fmt.Sprintf("%s busy by %.0f%% in place of %.0f%%", plural(p.Machines-1, "the other one is", "the %.0f others are"), 100*(p.Cores-p.apart)/rest, 100*p.Busy)
	if p.Name == "detail" {
		text += fmt.Sprintf("; with consistent hashing in front, 1 of %.0f pages is made once more", p.Machines)
	}
	return text
}

func (c Costs) lostNATS(s Shop, m Machines) Loss {
	name := "the NATS server"
	switch {
	case m.NATSNodes >= 3:
		return Loss{"one NATS server", "nothing acknowledged; publishers and workers wait for the election of a new leader"}
	case m.NATSNodes == 2:
		name = "one of the two NATS servers"
	}
	return Loss{name, fmt.Sprintf("%s changes/s are not accepted and switches are not pushed until it is back; pages are served; the senders repeat", Count(s.Changes))}
}

func lostRedis(s Shop, m Machines, p Plan) Loss {
	share := s.SKUs / p.Shards
	if m.Replicas == 0 {
		return Loss{"a Redis master", fmt.Sprintf("up to %s SKUs are served from memory and from the servers' own files, as old as they are; %s changes/s wait until it is back", Count(math.Ceil(share)), Count(s.Changes/p.Shards))}
	}
	return Loss{"a Redis master", fmt.Sprintf("up to %s SKUs don't change until its replica is elected; what it had not copied is fetched again: %s changes for each second of lag", Count(math.Ceil(share)), Count(s.Changes/p.Shards))}
}

// doubts are what a reader must know before trusting the plan.
func (c Costs) doubts(s Shop, p Plan, measured []Run) []string {
	most := largest(measured)
	found := []string{
		"A core is taken to be as fast as those of the measurement, and a SKU as large as the bench's article.",
		"The memory of a process is that of the largest run; a detail server has its caches full, by the defaults of --blob-memory and --page-memory.",
		"The disk of Redis is not in it: its append-only file, and a second one while that is written anew.",
		"Upstreams, the network between machines, TLS, and live parts are not in it.",
	}
	if s.SKUs > 10*most {
		found = append(found, fmt.Sprintf("The largest run had %s SKUs, of which this shop has %s times as many: measure again at a tenth of its size.", Count(most), Count(s.SKUs/most)))
	}
	if !c.diskGrew() {
		found = append(found, "The file of a detail server had its smallest size in all runs: measure 50,000 SKUs or more to know the disk.")
	}
	if p.Shards > 1 {
		found = append(found, "Redis Cluster's own traffic, and scripts over several slots, are not in it.")
	}
	return slices.Clip(found)
}

// plural says the one of a single thing, and many, which may have a verb for the number, of others.
func plural(n float64, one, many string) string {
	switch {
	case n == 1:
		return one
	case strings.Contains(many, "%"):
		return fmt.Sprintf(many, n)
	}
	return fmt.Sprintf("%.0f %s", n, many)
}

// Count writes a number as people say it: 1,234 as 1.2 k.
func Count(n float64) string { return scaled(n, 1000, []string{"", " k", " M", " G", " T"}) }

// Bytes writes a number of bytes.
func Bytes(n float64) string {
	return scaled(n, 1024, []string{" B", " KiB", " MiB", " GiB", " TiB", " PiB"})
}

func scaled(n, step float64, units []string) string {
	i := 0
	for n >= step && i < len(units)-1 {
		n /= step
		i++
	}
	if n >= 100 || n == math.Trunc(n) {
		return fmt.Sprintf("%.0f%s", n, units[i])
	}
	return fmt.Sprintf("%.3g%s", n, units[i])
}

// span writes a time in seconds.
func span(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.0f s", math.Ceil(seconds))
	case seconds < 7200:
		return fmt.Sprintf("%.0f min", seconds/60)
	case seconds < 172800:
		return fmt.Sprintf("%.1f h", seconds/3600)
	}
	return fmt.Sprintf("%.1f days", seconds/86400)
}
