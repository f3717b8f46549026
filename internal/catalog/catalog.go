package catalog

import (
	"encoding/json"
	"regexp"
	"time"

	"vitrine/internal/jq"
	"vitrine/internal/sqltext"
)

// Catalog is a compiled catalog file.
type Catalog struct {
	Source    []byte // the YAML as given
	Revision  uint64 // in the KV bucket "catalog"; 0 for one that was only read from a file
	Shapes    string // identifies the shapes of all dimensions and blobs together
	Site      Site
	Upstreams map[string]*Upstream
	Kinds     map[string]*Kind
	Live      map[string]*Live
	Pages     []*Page // in the order of the file
	Sources   map[string]*Source
	Polls     map[string]*Poll
	Mistakes  Errors // names that are not there, or there twice: the catalog works without what they mean
}

// Upstream is a system that owns data. URL has no trailing slash. The caller of Parse resolves "serve:NAME".
type Upstream struct {
	Name        string
	Serve       string // NAME of "serve:NAME"; "" for none
	URL         string
	SQL         sqltext.Dialect   // of a database, whose URL names neither user nor password; "" for an upstream that is asked by HTTP
	User        string            // of a database
	Password    string            // of a database: env:NAME, a secret; "" for none
	Timeout     time.Duration     // for a whole call; defaults to 1 s
	Concurrency int               // calls in flight; defaults to 16, of a database to 4
	Headers     map[string]string // a value env:NAME is a secret, resolved when it is sent
	Token       *Token            // nil for none
	Pools       map[string]*Pool  // besides its own; empty for none
	Rate        float64           // requests in a second of each process, in all pools together; 0 for any number
	Burst       int               // of them, how many may begin at once; defaults to 1
	Code        uint16            // identifies the upstream in stored headers; unique in a catalog
}

// Kind is a kind of entity.
type Kind struct {
	Name       string
	List       *List        // nil where the kind can't be listed
	Dimensions []*Dimension // in the order of the file
	Blobs      []*Blob      // in the order of the file

	internal bool // see Internal
}

// List walks all ids of a kind, page by page.
type List struct {
	From  *Upstream
	Pool  *Pool           // of From; nil for From's own
	Get   string          // path with an optional {cursor}, or a query with an optional $cursor; "" for none
	Post  *Post           // with an optional {cursor}; nil for none
	First json.RawMessage // the first cursor: a text, a number or null; nil is empty in Get and null in Post
	IDs   *jq.Program     // gives one array of strings or numbers; nil, of a query only: the first column
	Next  *jq.Program     // gives the next cursor, of the answer and $cursor; null, empty or absent ends the walk. nil if there is one page only, and of a query with $cursor: its last id
	Fails *jq.Program     // as a dimension's
}

// Dimension is one aspect of an entity, owned by one upstream.
type Dimension struct {
	Kind     *Kind
	Name     string
	From     *Upstream
	Pool     *Pool       // of From; nil for From's own
	Get      string      // path with {id}, or a query with $1; "" for none
	Batch    string      // path with {ids} or {ids*}, or a query with $1; "" for none
	Post     *Post       // nil for none
	Items    *jq.Program // gives the array or object of a batch answer; nil: the answer itself
	Fails    *jq.Program // on an answer of any status: true means "not now"; nil: GraphQL errors do
	BatchMax int         // ids in one batch call, 1 where there is no batch; defaults to 50
	IDField  Path        // within one element of a batch answer that is an array, or the column of a query; defaults to "id"
	Many     bool        // rows: many: of a query, the rows of an id are an array, in place of one row that is an object
	Pick     *jq.Program // nil: the answer as it is
	Version  Path        // in the answer; empty for none
	Gone     *jq.Program // nil for none
	Refs     []*Ref      // in the order of the file; names are unique within a kind
	HTML     []Path      // fields of the record that are cleaned HTML
	Require  []Path      // fields that a record must have
	MaxBytes int64       // of an answer after decompression, for one entity; defaults to 1 MiB
	Keep     bool        // absent: keep (default true). Only used if Get and Post.ID are missing
	Shape    uint32      // 24-bit revision of everything that decides what a record says; never 0
	Blobs    []*Blob
}

// Post is a request to a GraphQL or RPC upstream. In JSON, the string "{id}" becomes the id as a string, "{ids}" an array of
// ids, and a list's "{cursor}" the cursor; Batch says that it holds "{ids}".
type Post struct {
	Path   string
	JSON   json.RawMessage
	Batch  bool
	Prefix string // before each id in JSON; answers are expected to give ids without it
}

// Ref declares that a record refers to other entities.
type Ref struct {
	Name   string
	Kind   *Kind
	Field  Path
	Max    int    // maximum of ids; defaults to 64
	Up     string // the referred kind's ref that leads to its parent; "" for none
	Public bool   // shown by /relations
}

// Blob is a JSON document folded from records of one entity. Of[0] is its root.
type Blob struct {
	Kind    *Kind
	Name    string
	Of      []*Dimension
	Fold    *jq.Program // nil: an object with one member per dimension
	Inherit []With      // whose blobs give a page what this blob lacks, when it is read; of two that have it, the first counts
	Shape   uint32      // 24-bit revision of everything that decides what the stored blob looks like; never 0
}

// Live is a live part. Either Blob is set, or From and Get are.
type Live struct {
	Name     string
	Blob     string // name of a blob of the page's kind
	From     *Upstream
	Pool     *Pool                     // of From; nil for From's own
	Get      string                    // path with {id} and {param}s
	Vary     map[string]*regexp.Regexp // declared query parameters, each anchored at both ends
	Deadline time.Duration             // defaults to 150 ms
	Fresh    time.Duration             // defaults to 2 s
	Keep     time.Duration             // defaults to 10 min
	Fails    *jq.Program               // on the answer: true means that it is none; nil if the catalog gives none
	Fallback Fallback
}

// Fallback is what a live part shows if its upstream does not answer in time.
type Fallback struct {
	Mode  string          // "last", "hide" or "value"; defaults to "hide"
	Value json.RawMessage // for "value"
}

// Page is one route.
type Page struct {
	Name     string
	Prefix   string  // path up to the id, escaped, with Site.Prefix: "/item/"
	Suffix   string  // path after the id: ".html"; the JSON twin has ".json" in its place
	Slug     *Slug   // nil where the path has none
	Former   []*Page // former paths: each has a Name, a Prefix, a Suffix, a Kind, perhaps a Slug, and the page in Moved
	Moved    *Page   // of a former path: where its pages are now; else nil
	Kind     *Kind   // the page's own entity, from {kind} in the path
	Blob     *Blob
	Overlay  []*Blob
	With     []With
	Live     []*Live
	Lists    *Listing // what it lists, page by page; nil for none
	Template string
	Cache    Cache
	Rules    []*Rule
}

// With joins blobs of the entities that records refer to.
type With struct {
	Ref  *Ref  // the blob of the page or an overlay has its ids in Refs, or the blob that inherits
	Blob *Blob // of Ref.Kind
}

// Cache is a page's Cache-Control.
type Cache struct {
	MaxAge, Shared, SWR, SIE time.Duration
}

// Rule applies to HTML and JSON alike; the first whose When is true wins. It has a redirect, or a template, a status, or both.
type Rule struct {
	When     *Condition
	Template string // "" means the page's own
	Redirect string // "" for none; {kind} stands for the id
	Status   int    // 0 keeps 200; of a redirect, 302 or 301, and 0 is 302
}
