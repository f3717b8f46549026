// Package upstream requests data from upstreams over HTTP, and trusts them with nothing. Deadlines bound how long they
// may take, limits bound the size of a decompressed answer, a semaphore for each bounds its concurrent calls, and no
// answer leads to another origin.
//
// An answer decides about one entity only if it is about that entity. An id that is missing from a batch is requested
// singly if there is a get. A batch that fails as a whole fails for all its ids, without single calls for each.
package upstream
