package bus

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/item"
)

// startTime is how long the embedded server may take to recover its streams.
const startTime = 30 * time.Second

// syncEvery is how often the embedded server brings to the disk what it has acked; NATS's own default is 2 minutes.
// A power cut may cost what was acked since.
const syncEvery = time.Second

// EmbedConfig says how to run the embedded server.
type EmbedConfig struct {
	Dir  string       // where JetStream keeps its files
	Addr string       // host:port to listen on, port 0 for a free one; "" for no listener
	Log  *slog.Logger // defaults to silence
}

// Server is a NATS server with JetStream inside this process.
type Server struct {
	nats *server.Server
	addr string
	dir  string

	disk      disk
	jetStream server.JetStreamConfig // as it was started
}

// Embed starts a server and returns when it is ready. It stops by Shutdown, not with ctx, so that the
// stages can drain through it.
func Embed(ctx context.Context, cfg EmbedConfig) (*Server, error) {
	opts := &server.Options{
		ServerName: "vitrine", JetStream: true, StoreDir: cfg.Dir, NoSigs: true, DontListen: cfg.Addr == "",
		SyncInterval: syncEvery,
	}
	if cfg.Addr != "" {
		host, port, err := splitAddr(cfg.Addr)
		if err != nil {
			return nil, err
		}
		opts.Host = host
		opts.Port = port
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("make the embedded NATS: %w", err)
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(serverLog{orSilent(cfg.Log), fatal}, false, false, false)
	s.Start()
	if err := awaitReady(ctx, s, fatal); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start the embedded NATS on %q in %s: %w", cfg.Addr, cfg.Dir, err)
	}
	select {
	case fatal <- "": // nobody reads it from here on: what comes is logged
	default:
	}
	jetStream := *s.JetStreamConfig()
	jetStream.StoreDir = cfg.Dir // the server adds a folder to it
	return &Server{nats: s, addr: cfg.Addr, dir: cfg.Dir, jetStream: jetStream}, nil
}

func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address of the embedded NATS %q: %w", addr, err)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address of the embedded NATS %q: %q is not a port", addr, text)
	}
	if host == "" {
		host = "127.0.0.1" // an empty host would listen on every interface
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// awaitReady looks again and again, since the server does not say what ends its start but to its log.
func awaitReady(ctx context.Context, s *server.Server, fatal <-chan string) error {
	for began := time.Now(); !s.ReadyForConnections(100 * time.Millisecond); {
		select {
		case text := <-fatal:
			return fmt.Errorf("%w: %s; give another address, or stop what has it", item.ErrUnavailable, text)
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Since(began) > startTime {
			return fmt.Errorf("%w: not ready within %s", item.ErrUnavailable, startTime)
		}
	}
	return nil
}

// URL is where other processes reach the server; "" without a listener.
func (s *Server) URL() string {
	if s.addr == "" {
		return ""
	}
	return s.nats.ClientURL()
}

// Shutdown stops the server and returns when its files are closed.
func (s *Server) Shutdown() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// serverLog passes the server's own messages on: warnings and errors only, the rest is debug.
type serverLog struct {
	log   *slog.Logger
	fatal chan<- string // gets the first error that the server can't start with
}

func (l serverLog) Noticef(f string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Warnf(f string, v ...any)   { l.log.Warn("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Errorf(f string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Debugf(string, ...any)      {}
func (l serverLog) Tracef(string, ...any)      {}

func (l serverLog) Fatalf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	select {
	case l.fatal <- text: // Embed returns it
	default:
		l.log.Error("nats: " + text)
	}
}

func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
