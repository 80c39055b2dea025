// Package dedup finds texts that were seen before, the same or nearly so, in a stated amount of memory:
// MinHash and locality-sensitive hashing, whose buckets are kept in a Bloom filter.
package dedup
