// Package upstream asks data owners over HTTP. It trusts them with nothing: deadlines bound how long they
// may take, limits how much they may say after decompression, a semaphore for each how many calls they are
// asked at once, and no answer leads anywhere else.
//
// An answer decides over one entity only when it is about that entity: an id that is missing from a batch is
// asked singly where there is a get, and a batch that fails as a whole fails for all its ids, without a
// storm of single calls.
package upstream
