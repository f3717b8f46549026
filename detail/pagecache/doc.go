// Package pagecache keeps whole pages in memory, ready to be sent: rendered, and compressed once for each coding. A page is served
// while the parts that it was made of are still the newest, which its Validity reports.
package pagecache
