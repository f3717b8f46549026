// Command vitrine keeps a shop's product pages standing: see vitrine --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"vitrine/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
