package metrics

import "github.com/prometheus/client_golang/prometheus"

// File is a store in a file on the server's own disk.
type File interface {
	Size() int64 // bytes
	Free() int64 // bytes in free pages
}

// NewFile registers the metrics of a file. Its name is a label.
func NewFile(r prometheus.Registerer, name string, f File) {
	r = prometheus.WrapRegistererWith(prometheus.Labels{"file": name}, r)
	r.MustRegister(
		gauge("file_bytes", "Size of a store's file on this server's disk.", func() float64 { return float64(f.Size()) }),
		gauge("file_free_bytes", "Bytes of it in pages that nothing is in, as it was a minute ago at most; the file is compacted once they are half of it.", func() float64 { return float64(f.Free()) }))
}
