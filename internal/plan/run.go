package plan

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Driver is what the cost of a quantity grows with.
type Driver string

// The drivers.
const (
	Changes     Driver = "changes"      // of one dimension of one SKU
	SKUs        Driver = "skus"         // in the shop
	MemoryPages Driver = "memory_pages" // answered by a detail server from its memory
	StorePages  Driver = "store_pages"  // made by a detail server of blobs from Redis
)

// Quantity is what a run measures. CPU is in seconds, memory and traffic in bytes.
type Quantity string

// The quantities.
const (
	HeterogCPU    Quantity = "heterog_cpu_seconds"
	SyncerCPU     Quantity = "syncer_cpu_seconds"
	NATSCPU       Quantity = "nats_cpu_seconds"
	RedisCPU      Quantity = "redis_cpu_seconds"
	MirrorCPU     Quantity = "detail_cpu_seconds_for_changes"
	Messages      Quantity = "nats_messages"
	MessageBytes  Quantity = "nats_bytes"
	Commands      Quantity = "redis_commands"
	HeterogMemory Quantity = "heterog_memory_bytes"
	SyncerMemory  Quantity = "syncer_memory_bytes"
	NATSMemory    Quantity = "nats_memory_bytes"
	DetailMemory  Quantity = "detail_memory_bytes"
	RedisMemory   Quantity = "redis_memory_bytes"
	DetailDisk    Quantity = "detail_disk_bytes"
	MemoryPageCPU Quantity = "detail_cpu_seconds_from_memory"
	StorePageCPU  Quantity = "detail_cpu_seconds_from_redis"
	StorePageLoad Quantity = "redis_cpu_seconds_for_pages"
	PageBytes     Quantity = "page_bytes"
)

// drivers maps each quantity to what it grows with.
func drivers() map[Quantity]Driver {
	return map[Quantity]Driver{
		HeterogCPU: Changes, SyncerCPU: Changes, NATSCPU: Changes, RedisCPU: Changes, MirrorCPU: Changes,
		Messages: Changes, MessageBytes: Changes, Commands: Changes,
		HeterogMemory: SKUs, SyncerMemory: SKUs, NATSMemory: SKUs, DetailMemory: SKUs, RedisMemory: SKUs, DetailDisk: SKUs,
		MemoryPageCPU: MemoryPages, StorePageCPU: StorePages, StorePageLoad: StorePages, PageBytes: MemoryPages,
	}
}

// Run is what one run did and measured.
type Run struct {
	Did      map[Driver]float64   `json:"did"`
	Measured map[Quantity]float64 `json:"measured"`
}

// Measurement is runs on one machine.
type Measurement struct {
	At      time.Time `json:"at"`
	Machine string    `json:"machine"` // its processor, and how many cores
	Runs    []Run     `json:"runs"`
}

// Read reads a measurement from a file. Errors name the file.
func Read(path string) (Measurement, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return Measurement{}, err
	}
	m, err := parse(src)
	if err != nil {
		return m, fmt.Errorf("%s: %w; vitrine bench costs --out %[1]s makes such a file", path, err)
	}
	return m, nil
}

//go:embed reference.json
var reference []byte

// Reference is the measurement that is built in.
func Reference() (Measurement, error) { return parse(reference) }

func parse(src []byte) (m Measurement, err error) {
	if err := json.Unmarshal(src, &m); err != nil {
		return m, fmt.Errorf("not a measurement of costs: %w", err)
	}
	if len(m.Runs) < 2 {
		return m, fmt.Errorf("%d runs, where costs need two of different size at least", len(m.Runs))
	}
	for i, r := range m.Runs {
		if err := r.check(); err != nil {
			return m, fmt.Errorf("run %d: %w", i+1, err)
		}
	}
	return m, nil
}

// most is more than a run can do or measure of anything.
const most = 1e15

// check reports what a run lacks.
func (r Run) check() error {
	for q, d := range drivers() {
		value, ok := r.Measured[q]
		switch {
		case !ok:
			return fmt.Errorf("%s is missing", q)
		case value < 0 || value > most:
			return fmt.Errorf("%s is %g", q, value)
		case r.Did[d] <= 0 || r.Did[d] > most:
			return fmt.Errorf("%s is %g", d, r.Did[d])
		}
	}
	return nil
}

var errSame = errors.New("all runs are of one size")
