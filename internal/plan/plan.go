package plan

import (
	"fmt"
	"maps"
	"math"
)

// Shop is what the pages are of, and who visits them. Rates are those of the busiest hour, per second, of the whole shop.
type Shop struct {
	SKUs       float64
	Dimensions float64 // of a SKU
	Changes    float64 // of one dimension of one SKU
	Views      float64 // pages that visitors and crawlers request
	Front      float64 // share of the views that a CDN or nginx answers from its own cache
	Memory     float64 // share of the others that a detail server answers from its memory
	PageBytes  float64 // of a page on the wire; 0: as measured
	RedisBytes float64 // that Redis needs for a SKU; 0: as measured, in proportion to the dimensions
}

// Machines are what it runs on.
type Machines struct {
	Cores     float64 // of one machine, each as fast as those of the measurement
	RAM       float64 // of one machine, bytes
	Busy      float64 // share of the cores that may be busy in the busiest hour
	RedisRAM  float64 // share of a machine's memory that Redis may fill with data
	Replicas  float64 // of each Redis master
	NATSNodes float64 // servers of the NATS cluster, each of which has each message
	Rooms     float64 // each handles all changes; together they serve the views, even without one of them
}

// Part is what one part of a room needs. Sums are those of the room.
type Part struct {
	Name     string   `json:"name"`
	Machines float64  `json:"machines"`
	Cores    float64  `json:"cores"`  // busy in the busiest hour
	Memory   float64  `json:"memory"` // bytes
	Disk     *float64 `json:"disk"`   // bytes; nil where that is not known
	Busy     float64  `json:"busy"`   // share of the cores of its machines
	Note     string   `json:"note,omitempty"`

	apart float64 // cores that each process needs whatever its share of the work
}

// Plan is what a shop needs.
type Plan struct {
	Rooms    float64 `json:"rooms"`
	Parts    []Part  `json:"parts"`    // of each room
	Machines float64 `json:"machines"` // of all rooms
	Shards   float64 `json:"redis_masters"`

	RedisMemory  float64  `json:"redis_memory_bytes"`        // of one copy of the data of a room
	Messages     float64  `json:"nats_messages_per_second"`  // to and from the clients of a room
	MessageBytes float64  `json:"nats_bytes_per_second"`     // likewise: bodies and headers
	History      float64  `json:"history_seconds"`           // of how long NATS has the changes, to replay them and for other rooms
	Commands     float64  `json:"redis_commands_per_second"` // for changes, in a room
	PageBytes    float64  `json:"page_bytes_per_second"`     // from the detail servers of a room
	Fill         float64  `json:"fill_seconds"`              // until an empty room has every SKU, if the upstreams answer as fast as it asks
	Losses       []Loss   `json:"losses"`
	Doubts       []string `json:"doubts"` // what the plan can't know, or has beyond what was measured
}

// Loss is what happens if a part is lost.
type Loss struct {
	Of     string `json:"of"`
	Effect string `json:"effect"`
}

const spare = 1 // machine more of each part than its load needs, so that one may be lost

// What NATS keeps of changes. The subject of a change takes most of it.
const (
	WaitingBytes = 120       // of a change that waits, with the time that its sender gives
	HistoryBytes = 285       // of one in the stream HISTORY
	HistoryMost  = 1 << 30   // of all in HISTORY
	HistoryAge   = 72 * 3600 // seconds
)

// caches are the bytes that a detail server may fill with blobs and pages by default. Its heap has as much again until garbage is collected.
const caches = 2 * 256 << 20

// For computes what a shop needs. Errors name what makes no sense.
func (c Costs) For(s Shop, m Machines, measured []Run) (Plan, error) {
	if err := check(s, m); err != nil {
		return Plan{}, err
	}
	p := Plan{Rooms: m.Rooms}
	p.RedisMemory = s.SKUs * s.RedisBytes
	if s.RedisBytes == 0 {
		p.RedisMemory = c[RedisMemory].Fixed + c[RedisMemory].Each*s.SKUs*(s.Dimensions+1)/2 // measured with one record and one blob
	}
	if s.PageBytes == 0 {
		s.PageBytes = c[PageBytes].Each
	}
	views := s.Views * (1 - s.Front) / max(1, m.Rooms-1)
	p.Messages = s.Changes * c[Messages].Each
	p.MessageBytes = s.Changes * c[MessageBytes].Each
	p.Commands = s.Changes * c[Commands].Each
	p.PageBytes = views * s.PageBytes
	p.History = HistoryAge
	if s.Changes > 0 {
		p.History = min(HistoryAge, HistoryMost/(HistoryBytes*s.Changes))
	}
	c = c.held(s.SKUs, largest(measured))
	p.Parts = []Part{
		c.worker("heterog", s, m, HeterogCPU, HeterogMemory), c.worker("syncer", s, m, SyncerCPU, SyncerMemory),
		c.nats(s, m, p.History), c.redis(s, m, &p, views), c.detail(s, m, views),
	}
	for _, part := range p.Parts {
		p.Machines += part.Machines * m.Rooms
	}
	p.Fill = s.SKUs * s.Dimensions / c.rate(m, p)
	p.Losses = c.losses(s, m, p)
	p.Doubts = c.doubts(s, p, measured)
	return p, nil
}

// held are the costs where the memory of a process does not grow beyond that of the largest run: queues are bounded. The caches of a detail
// server grow until they are full.
func (c Costs) held(skus, largest float64) Costs {
	all := maps.Clone(c)
	for _, q := range []Quantity{HeterogMemory, SyncerMemory, NATSMemory, DetailMemory} {
		all[q] = Cost{Fixed: c[q].of(min(skus, largest))}
	}
	full := c[DetailMemory].Fixed + min(c[DetailMemory].Each*skus, 2*caches)
	all[DetailMemory] = Cost{Fixed: max(full, all[DetailMemory].Fixed)}
	return all
}

// largest is the size of the largest run.
func largest(measured []Run) (skus float64) {
	for _, r := range measured {
		skus = max(skus, r.Did[SKUs])
	}
	return skus
}

func check(s Shop, m Machines) error {
	for _, v := range []struct {
		name        string
		value       float64
		least, most float64
		unit        string
	}{
		{"skus", s.SKUs, 1, 1e12, ""}, {"dimensions", s.Dimensions, 1, 1000, ""}, {"changes", s.Changes, 0, 1e9, " a second"}, {"views", s.Views, 0, 1e9, " a second"},
		{"front-hits", s.Front, 0, 1, asShare}, {"memory-hits", s.Memory, 0, 1, asShare}, {"page-bytes", s.PageBytes, 0, 1e9, ""}, {"redis-bytes", s.RedisBytes, 0, 1e9, ""},
		{"cores", m.Cores, 1, 1024, ""}, {"ram", m.RAM / (1 << 30), 0.25, 1 << 20, " GiB"}, {"busy", m.Busy, 0.01, 1, asShare}, {"redis-ram", m.RedisRAM, 0.01, 1, asShare},
		{"replicas", m.Replicas, 0, 10, ""}, {"nats-servers", m.NATSNodes, 1, 5, ""}, {"rooms", m.Rooms, 1, 100, ""},
	} {
		if math.IsNaN(v.value) || v.value < v.least || v.value > v.most {
			return fmt.Errorf("%s is %g, and not between %g and %g%s", v.name, v.value, v.least, v.most, v.unit)
		}
	}
	for name, n := range map[string]float64{"replicas": m.Replicas, "nats-servers": m.NATSNodes, "rooms": m.Rooms} {
		if n != math.Trunc(n) {
			return fmt.Errorf("%s is %g, and no whole number", name, n)
		}
	}
	return nil
}

const asShare = ": a share, 0.8 for 80%"

// machinesFor is how many machines have so many cores to spare.
func (m Machines) machinesFor(cores float64) float64 { return math.Ceil(cores / (m.Cores * m.Busy)) }

func (c Costs) worker(name string, s Shop, m Machines, cpu, memory Quantity) Part {
	p := Part{Name: name, Cores: s.Changes * c[cpu].Each}
	p.Machines = max(1, m.machinesFor(p.Cores)) + spare
	p.Memory = p.Machines * c[memory].Fixed
	p.Disk = new(float64)
	p.Busy = p.Cores / (p.Machines * m.Cores)
	return p
}

// nats counts servers, each of which keeps HISTORY and what may wait for an hour.
func (c Costs) nats(s Shop, m Machines, history float64) Part {
	one := s.Changes * c[NATSCPU].Each
	disk := m.NATSNodes * (history*s.Changes*HistoryBytes + s.waiting()*WaitingBytes)
	p := Part{Name: "nats", Machines: m.NATSNodes, Cores: one * m.NATSNodes, Memory: m.NATSNodes * c[NATSMemory].Fixed, Disk: &disk, Busy: one / m.Cores}
	switch {
	case m.NATSNodes == 2:
		p.Note = "of two servers none may be away: have one, or three"
	case history < 3600:
		p.Note = fmt.Sprintf("HISTORY has the changes of the last %s: what Redis or a room misses for longer is fetched anew, as is all else; nats stream edit HISTORY --max-bytes has it keep more", span(history))
	}
	if clusters := m.machinesFor(one); clusters > 1 {
		p.Machines *= clusters
		p.Busy /= clusters
		p.Note = fmt.Sprintf("more than one cluster can do: divide the kinds among %.0f shops, each with its own NATS", clusters)
	}
	return p
}

// waiting is how many changes wait if none is done for an hour: a second one of the same dimension takes the place of the first.
func (s Shop) waiting() float64 { return min(s.Changes*3600, s.SKUs*s.Dimensions) }

// redis counts masters by what needs more of them: the data, or the CPU, of which a master uses one core.
func (c Costs) redis(s Shop, m Machines, plan *Plan, views float64) Part {
	pages := views * (1 - s.Memory) * c[StorePageLoad].Each
	p := Part{Name: "redis", Cores: s.Changes*c[RedisCPU].Each*(1+m.Replicas) + pages}
	plan.Shards = max(1, math.Ceil(plan.RedisMemory/(m.RAM*m.RedisRAM)), math.Ceil((s.Changes*c[RedisCPU].Each+pages)/m.Busy))
	p.Machines = plan.Shards * (1 + m.Replicas)
	p.Memory = plan.RedisMemory * (1 + m.Replicas)
	p.Busy = p.Cores / (p.Machines * m.Cores)
	if m.Replicas == 0 {
		p.Note = "no replica: while a master is away, its SKUs don't change"
	}
	return p
}

// detail counts servers. Each follows every change, whatever its share of the views.
func (c Costs) detail(s Shop, m Machines, views float64) Part {
	pages := views * (s.Memory*c[MemoryPageCPU].Each + (1-s.Memory)*c[StorePageCPU].Each)
	mirror := s.Changes * c[MirrorCPU].Each
	p := Part{Name: "detail", apart: mirror}
	left := m.Cores*m.Busy - mirror
	if left < m.Cores*m.Busy/2 {
		p.Note = fmt.Sprintf("to follow every change takes %.1f cores of each server: run them with --disk reads", mirror)
		p.apart = 0
		left = m.Cores * m.Busy
	}
	p.Machines = max(1, math.Ceil(pages/left)) + spare
	p.Cores = pages + p.apart*p.Machines
	p.Memory = p.Machines * c[DetailMemory].Fixed
	if p.Note == "" && c.diskGrew() {
		disk := p.Machines * c[DetailDisk].of(s.SKUs)
		p.Disk = &disk
	}
	p.Busy = p.Cores / (p.Machines * m.Cores)
	return p
}

// diskGrew reports whether the runs say how large a server's file is. Below some 20,000 SKUs it has its smallest size.
func (c Costs) diskGrew() bool { return c[DetailDisk].Each >= 1 }

// rate is how many changes a second the slowest stage can do with all its cores.
func (c Costs) rate(m Machines, p Plan) float64 {
	slowest := math.Inf(1)
	for i, q := range []Quantity{HeterogCPU, SyncerCPU, NATSCPU} {
		cores := p.Parts[i].Machines * m.Cores
		if q == NATSCPU {
			cores /= m.NATSNodes
		}
		slowest = min(slowest, cores/max(c[q].Each, 1e-12))
	}
	return min(slowest, p.Shards/max(c[RedisCPU].Each, 1e-12))
}
