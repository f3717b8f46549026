// Package model walks through every run of a small loop - one entity, two dimensions, two workers, two syncers, a
// cached reader, a publisher - and looks whether all is right when all is at rest. It is for tests.
//
// A state is everything there is: what the upstream says, what stands in the streams, in the store and in the
// cache, and how far each worker has come. A step is one atomic act of one of them. Explore takes every step
// from every state, so that every interleaving is seen, with as many crashes, redeliveries, failed fetches and
// lost streams as a Scenario allows.
//
// A Mutant is a rule of docs/convergence.md broken. That Explore finds a wrong end for each of them shows that the
// rule is needed, and that the model would notice.
package model
