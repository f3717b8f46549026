package model

import (
	"fmt"
	"slices"
)

// Mutant is a rule that is broken.
type Mutant string

// Sound breaks no rule.
const Sound Mutant = ""

// Scenario is a system at rest and a bound of what its environment may do to it.
type Scenario interface {
	// Explore takes every step from every state that can be reached, under sound rules or broken ones, and ends at
	// the first wrong state.
	Explore(Mutant) Result
}

// Result is what Explore saw.
type Result struct {
	States int
	Wrong  string   // what was wrong; "" where nothing was
	Trace  []string // the states on a shortest way there
}

// world is a state of a system: everything there is, small and comparable, as there are millions. Its steps are given
// to next as the states that they lead to.
type world[S any] interface {
	comparable
	environment(m Mutant, next func(S)) // what anybody else may do, or not: edits, crashes, failures, losses
	ours(m Mutant, next func(S))        // what the system goes on to do by itself, the passing of time that it waits for included
	wrong() string                      // what is not as it must be where nothing of ours is left to do
}

// returnLimit is the number of states up to which a scenario is also searched for states that never come to rest: it takes
// memory.
const returnLimit = 2_000_000

// statesMax ends what is too large to be walked.
const statesMax = 20_000_000

// explore walks every state that can be reached from begin. Where the system has nothing left to do, all must be right;
// and from everywhere the system must be able to get there, without help: who tries for ever and gets nowhere is as
// wrong as who has stopped.
func explore[S world[S]](begin S, m Mutant) Result {
	seen := map[S]int32{begin: 0}
	states, parents := []S{begin}, []int32{0}
	var edges [][2]int32 // of ours: from, to
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

// trace is the shortest one to a state.
func trace[S any](states []S, parents []int32, to int32) (steps []string) {
	for ; ; to = parents[to] {
		steps = append(steps, fmt.Sprintf("%+v", states[to]))
		if to == 0 {
			slices.Reverse(steps)
			return steps
		}
	}
}

// noReturn is the first of n states from which none of rests can be reached over edges, -1 where there is none.
func noReturn(n int, edges [][2]int32, rests []int32) int32 {
	first := make([]int32, n+1) // where the sources of a state begin, in the list of all
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
