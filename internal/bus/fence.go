package bus

import "context"

// fenceKey is the key of a context's fence.
type fenceKey struct{}

// Fenced returns a context under which nothing is published, and nothing is written to a bucket, once check fails. The writes fail
// with the error of check.
func Fenced(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, fenceKey{}, check)
}

// fenced returns the error of ctx's fence; nil where there is none.
func fenced(ctx context.Context) error {
	if check, ok := ctx.Value(fenceKey{}).(func() error); ok {
		return check()
	}
	return nil
}
