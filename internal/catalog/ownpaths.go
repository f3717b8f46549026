package catalog

// Paths of Vitrine's own, below the site's prefix. No page may stand under one.
const (
	LivePath         = "/live/"
	BlobsPath        = "/blobs/"
	RelationsPath    = "/relations/"
	AssetsPath       = "/assets/"
	DictionariesPath = "/dictionaries/"
)

func ownPaths() []string {
	return []string{LivePath, BlobsPath, RelationsPath, AssetsPath, DictionariesPath}
}
