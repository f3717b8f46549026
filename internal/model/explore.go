package model

import (
	"fmt"
	"slices"
)

// Mutant is a broken rule. Its text says what the system does wrong.
type Mutant string

// Sound is the Mutant that breaks no rule.
const Sound Mutant = ""

// Scenario is a system that begins at rest, with a bound on what its environment may do.
type Scenario interface {
	// Explore takes every step from every state that can be reached, under sound rules or one broken rule, and stops at the first wrong
	// state. It keeps every state in memory, and gives up beyond 20 million.
	Explore(Mutant) Result
}

// Result is what Explore found.
type Result struct {
	States int
	Wrong  string   // what is wrong; "" if nothing is
	Trace  []string // the states on a shortest path to the wrong one, each as fmt prints it
}

// world is a state of a system. It is comparable, and small, because there are millions. environment and ours call next with the state
// that each possible step leads to.
type world[S any] interface {
	comparable
	environment(m Mutant, next func(S)) // steps that may happen or not: edits, crashes, failures, losses
	ours(m Mutant, next func(S))        // steps that the system goes on to take by itself, including the passing of time that it waits for
	wrong() string                      // what is wrong with a state in which ours has no step left; "" for nothing
}

// recordDiffers is what is wrong with a state at rest whose record is not up to date.
const recordDiffers = "a record is not what its upstream says"

// returnLimit is the number of states up to which explore also searches for states that cannot come to rest. That search takes memory for
// each edge.
const returnLimit = 2_000_000

// statesMax is the number of states beyond which explore gives up.
const statesMax = 20_000_000

// explore visits every state that can be reached from begin, breadth first. A state in which the system has no step left must not be wrong.
// From every state the system must be able to reach such a state by its own steps alone: a system that works for ever without a result is
// as wrong as one that stops too early.
func explore[S world[S]](begin S, m Mutant) Result {
	seen := map[S]int32{begin: 0}
	states, parents := []S{begin}, []int32{0}
	var edges [][2]int32 // our own steps: from, to
	var rests []int32
	for from := int32(0); int(from) < len(states); from++ {
		if len(states) > statesMax {
			return Result{States: len(states), Wrong: "there are too many states to walk them all"}
		}
		now, moves := states[from], false
		visit := func(next S) int32 {
			to, ok := seen[next]
			if !ok {
				to = int32(len(states))
				seen[next] = to
				states = append(states, next)
				parents = append(parents, from)
			}
			return to
		}
		now.environment(m, func(next S) { visit(next) })
		now.ours(m, func(next S) {
			moves = true
			if to := visit(next); len(states) <= returnLimit {
				edges = append(edges, [2]int32{from, to})
			}
		})
		if moves {
			continue
		}
		if wrong := now.wrong(); wrong != "" {
			return Result{len(states), wrong, trace(states, parents, from)}
		}
		rests = append(rests, from)
	}
	if len(states) <= returnLimit {
		if lost := noReturn(len(states), edges, rests); lost >= 0 {
			return Result{len(states), "it never comes to rest", trace(states, parents, lost)}
		}
	}
	return Result{States: len(states)}
}

// trace returns the states on the shortest path to the state at a position.
func trace[S any](states []S, parents []int32, to int32) (steps []string) {
	for ; ; to = parents[to] {
		steps = append(steps, fmt.Sprintf("%+v", states[to]))
		if to == 0 {
			slices.Reverse(steps)
			return steps
		}
	}
}

// noReturn returns the first of n states from which no state of rests can be reached over edges; -1 if there is none.
func noReturn(n int, edges [][2]int32, rests []int32) int32 {
	first := make([]int32, n+1) // position in sources of each state's first predecessor
	for _, e := range edges {
		first[e[1]+1]++
	}
	for i := range n {
		first[i+1] += first[i]
	}
	sources, at := make([]int32, len(edges)), slices.Clone(first)
	for _, e := range edges {
		sources[at[e[1]]] = e[0]
		at[e[1]]++
	}
	returns, todo := make([]bool, n), slices.Clone(rests)
	for len(todo) > 0 {
		now := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !returns[now] {
			returns[now] = true
			todo = append(todo, sources[first[now]:first[now+1]]...)
		}
	}
	return int32(slices.Index(returns, false))
}
