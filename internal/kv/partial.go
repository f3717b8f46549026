package kv

import (
	"errors"
	"fmt"
)

// PartialError is the error of a batch of which some items failed, for instance because one node of a Cluster is away.
// The results of the other items are valid. A caller that does not look into it may treat it as the failure of the
// whole batch.
type PartialError struct {
	Items []error // by position; nil for an item that succeeded
}

// Partial makes the error of a batch from the errors of its items; nil if all succeeded.
func Partial(items []error) error {
	for _, err := range items {
		if err != nil {
			return &PartialError{items}
		}
	}
	return nil
}

// ItemErrors gives the errors of a batch's n items, given the error of the batch.
func ItemErrors(err error, n int) []error {
	if partial := (*PartialError)(nil); errors.As(err, &partial) && len(partial.Items) == n {
		return partial.Items
	}
	items := make([]error, n)
	for i := range items {
		items[i] = err
	}
	return items
}

func (e *PartialError) Error() string {
	failed := e.Unwrap()
	return fmt.Sprintf("%d of %d failed, the first: %v", len(failed), len(e.Items), failed[0])
}

// Unwrap lists the errors of the items that failed.
func (e *PartialError) Unwrap() (failed []error) {
	for _, err := range e.Items {
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}
