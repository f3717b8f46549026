// Package admission decides what a server takes on: how many connections, and which of them give way to others.
package admission
