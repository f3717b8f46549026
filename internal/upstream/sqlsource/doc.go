// Package sqlsource reads rows of PostgreSQL, MySQL and MariaDB, and makes JSON of them.
//
// A query runs in a read-only transaction of its own, with a limit of time that the server knows, and with its parameter bound. What
// keeps a server from answering (no connection, no right, no such column, no time) wraps item.ErrUnavailable: it says nothing about the
// rows, and the query is worth another try. What is wrong with the rows themselves wraps item.ErrRefused.
//
// Connections are kept for the next query. There are as many as there were queries at once, which the caller limits.
package sqlsource
