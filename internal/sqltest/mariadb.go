package sqltest

import (
	"context"
	"database/sql"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

func mariadb() kind {
	return kind{
		name: "MariaDB", scheme: "mysql", install: "mariadb-server-core mariadb-client-core", stop: syscall.SIGTERM,
		program: func() string {
			return found("/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/opt/homebrew/bin/mariadbd")
		},
		create: func(_, dir string) []*exec.Cmd {
			return []*exec.Cmd{exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+filepath.Join(dir, "data"), "--auth-root-authentication-method=normal", "--skip-test-db")}
		},
		run: func(program, dir, port string) *exec.Cmd {
			return exec.Command(program, "--no-defaults", "--datadir="+filepath.Join(dir, "data"), "--bind-address=127.0.0.1", "--port="+port, "--socket="+filepath.Join(dir, "s"),
				"--pid-file="+filepath.Join(dir, "pid"), "--skip-log-bin", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=16M", "--max-allowed-packet=128M", "--skip-name-resolve")
		},
		admin: func(ctx context.Context, addr, db string, statements ...string) error {
			config := mysql.NewConfig()
			config.Net, config.Addr, config.User, config.DBName = "tcp", addr, "root", db
			config.Logger = &mysql.NopLogger{}
			connector, err := mysql.NewConnector(config)
			if err != nil {
				return err
			}
			pool := sql.OpenDB(connector)
			defer pool.Close()
			if err := pool.PingContext(ctx); err != nil {
				return err
			}
			for _, statement := range statements {
				if _, err := pool.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		},
		fresh: func(db string) []string {
			return []string{"CREATE USER IF NOT EXISTS 'reader'@'%' IDENTIFIED BY '" + Password + "'", "CREATE DATABASE " + db + " CHARACTER SET utf8mb4", "GRANT SELECT ON " + db + ".* TO 'reader'@'%'"}
		},
	}
}
