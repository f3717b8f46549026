// Package sqltest runs real database servers for tests: PostgreSQL and MariaDB. They listen on free ports of loopback, and are made
// when first asked for, since that takes seconds; they end with the package's tests. Each test gets a database of its own.
package sqltest
