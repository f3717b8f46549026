package sqltest

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

func postgres() kind {
	return kind{
		name: "PostgreSQL", scheme: "postgres", install: "postgresql", stop: syscall.SIGINT,
		program: func() string {
			return found("/usr/lib/postgresql/*/bin/postgres", "/usr/local/bin/postgres", "/usr/bin/postgres", "/opt/homebrew/bin/postgres")
		},
		create: func(program, dir string) []*exec.Cmd {
			_ = os.WriteFile(filepath.Join(dir, "hba"), []byte("host all admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"), 0o644) // without it no start succeeds
			return []*exec.Cmd{exec.Command(filepath.Join(filepath.Dir(program), "initdb"), "-D", filepath.Join(dir, "data"), "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")}
		},
		run: func(program, dir, port string) *exec.Cmd {
			return exec.Command(program, "-D", filepath.Join(dir, "data"), "-h", "127.0.0.1", "-p", port, "-k", dir, "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "wal_level=logical",
				"-c", "hba_file="+filepath.Join(dir, "hba"))
		},
		admin: func(ctx context.Context, addr, db string, statements ...string) error {
			conn, err := connect(ctx, addr, cmp.Or(db, "postgres"), "")
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			for _, statement := range statements {
				if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
					return err
				}
			}
			return nil
		},
		fresh: func(db string) []string {
			return []string{"DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD '" + Password + "'; EXCEPTION WHEN duplicate_object THEN NULL; END $$", "CREATE DATABASE " + db}
		},
		rights: []string{"GRANT USAGE ON SCHEMA public TO reader", "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader"},
	}
}

// Session returns a function that runs statements over one connection, as the user who may everything. The server is a PostgreSQL.
func (s *Server) Session() (do func(statement string)) {
	s.t.Helper()
	conn, err := connect(s.t.Context(), s.Addr, s.Database, "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func(statement string) {
		if _, err := conn.Exec(s.t.Context(), statement).ReadAll(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// connect connects to a database as the user who may everything. more is a further parameter of the connection.
func connect(ctx context.Context, addr, db, more string) (*pgconn.PgConn, error) {
	at := url.URL{Scheme: "postgres", User: url.User("admin"), Host: addr, Path: "/" + db, RawQuery: "sslmode=disable" + more}
	return pgconn.Connect(ctx, at.String())
}
