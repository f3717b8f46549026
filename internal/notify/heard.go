package notify

// HeardKey is the key under which the processes of a room note that a source was heard from.
func HeardKey(source string) string { return "heard." + source }
