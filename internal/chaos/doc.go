// Package chaos is a random test of the whole: real processes over a real Redis and NATS, whose every part is hurt while
// a shop goes on changing. When the last fault has ended, each entity is compared: record, blob, page and relation with
// what the shop says.
//
// What happens and when follows from a seed, which a failure names:
//
//	make chaos SEED=7 MINUTES=10
//	go test ./internal/chaos -run Chaos -args -seed 7 -minutes 10 -round 2
//
// A plan of chaos is made of rounds of three minutes, any of which can be played alone. Each has a system of its own - vitrine up alone over bbolt, up over Redis with further roles
// beside it, or all roles apart with a NATS of their own - and a list of faults. Two runs of a plan do the same things at
// the same times; what the processes make of it differs a little from run to run.
//
// A soak has one system, of two rooms, that is hurt without a break while visitors ask for its pages:
//
//	make soak SEED=7 MINUTES=20
package chaos
