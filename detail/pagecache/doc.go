// Package pagecache keeps whole pages in memory, ready to be sent: rendered, and compressed once for each coding. A page
// is kept with what it was made of, and is served while that holds.
package pagecache
