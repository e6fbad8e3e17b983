package main

import (
	"fmt"
	"hash/maphash"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A block is a part of a blob: its id, in Base64, and its bytes.
type block struct {
	id   string
	size int64
}

// A blob is all that is kept of one.
type blob struct {
	size        int64
	md5         string // Base64
	etag        string
	modified    time.Time
	contentType string
	metadata    map[string]string
	blocks      []block
}

// Shards keep requests that run side by side out of each other's way.
const shardCount = 64

type shard struct {
	sync.Mutex
	blobs       map[string]*blob
	uncommitted map[string]map[string]int64 // blob to block id to size
}

// blobs is everything that was stored, by account/container/name.
type blobs struct {
	shards [shardCount]shard
	seed   maphash.Seed
	etags  atomic.Int64
}

func newBlobs() *blobs {
	b := &blobs{seed: maphash.MakeSeed()}
	b.reset()
	return b
}

func (b *blobs) reset() {
	for i := range b.shards {
		s := &b.shards[i]
		s.Lock()
		s.blobs = map[string]*blob{}
		s.uncommitted = map[string]map[string]int64{}
		s.Unlock()
	}
}

func (b *blobs) shardOf(path string) *shard {
	return &b.shards[maphash.String(b.seed, path)%shardCount]
}

func (b *blobs) get(path string) *blob {
	s := b.shardOf(path)
	s.Lock()
	defer s.Unlock()
	return s.blobs[path]
}

// put stores a blob; with onlyIfAbsent, false when there is one already.
func (b *blobs) put(path string, made *blob, onlyIfAbsent bool) bool {
	made.etag = fmt.Sprintf(`"0x%015X"`, b.etags.Add(1))
	made.modified = time.Now()
	s := b.shardOf(path)
	s.Lock()
	defer s.Unlock()
	if onlyIfAbsent && s.blobs[path] != nil {
		return false
	}
	s.blobs[path] = made
	return true
}

// remove says whether there was one.
func (b *blobs) remove(path string) bool {
	s := b.shardOf(path)
	s.Lock()
	defer s.Unlock()
	_, had := s.blobs[path]
	delete(s.blobs, path)
	return had
}

func (b *blobs) putBlock(path, id string, size int64) {
	s := b.shardOf(path)
	s.Lock()
	defer s.Unlock()
	if s.uncommitted[path] == nil {
		s.uncommitted[path] = map[string]int64{}
	}
	s.uncommitted[path][id] = size
}

// takeBlocks gives the named blocks and drops the others; false when one is missing.
func (b *blobs) takeBlocks(path string, ids []string) ([]block, bool) {
	s := b.shardOf(path)
	s.Lock()
	defer s.Unlock()
	taken := make([]block, 0, len(ids))
	for _, id := range ids {
		size, ok := s.uncommitted[path][id]
		if !ok {
			return nil, false
		}
		taken = append(taken, block{id, size})
	}
	delete(s.uncommitted, path)
	return taken, true
}

func (b *blobs) uncommittedBlocks(path string) []block {
	s := b.shardOf(path)
	s.Lock()
	defer s.Unlock()
	var found []block
	for id, size := range s.uncommitted[path] {
		found = append(found, block{id, size})
	}
	return found
}

// paths gives those that begin with prefix, sorted.
func (b *blobs) paths(prefix string) []string {
	var found []string
	for i := range b.shards {
		s := &b.shards[i]
		s.Lock()
		for path := range s.blobs {
			if strings.HasPrefix(path, prefix) {
				found = append(found, path)
			}
		}
		s.Unlock()
	}
	sort.Strings(found)
	return found
}

func (b *blobs) count() int {
	sum := 0
	for i := range b.shards {
		s := &b.shards[i]
		s.Lock()
		sum += len(s.blobs)
		s.Unlock()
	}
	return sum
}
