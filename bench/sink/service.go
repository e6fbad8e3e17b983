package main

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A service answers the requests of Azure Blob Storage that uploaders make.
// Accounts and containers exist as soon as they are named. Not spoken: leases,
// snapshots, copies, append and page blobs, conditions other than
// If-None-Match: *.
//
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
type service struct {
	blobs  *blobs
	verify bool
	bytes  atomic.Int64
}

func newService(verify bool) *service {
	return &service{blobs: newBlobs(), verify: verify}
}

const xmlHead = `<?xml version="1.0" encoding="utf-8"?>`

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Server", "sink")
	header.Set("x-ms-request-id", "00000000-0000-0000-0000-000000000000")
	for _, name := range []string{"x-ms-client-request-id", "x-ms-version"} {
		if value := r.Header.Get(name); value != "" {
			header.Set(name, value)
		}
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	parts := strings.SplitN(path, "/", 3) // account, container, blob
	switch {
	case len(parts) < 2 || parts[1] == "":
		s.account(w, r)
	case len(parts) < 3 || parts[2] == "" || r.URL.Query().Get("restype") == "container":
		s.container(w, r, parts[0]+"/"+parts[1])
	default:
		s.blob(w, r, path)
	}
}

func (s *service) account(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-sku-name", "Standard_LRS")
	w.Header().Set("x-ms-account-kind", "StorageV2")
	w.Header().Set("x-ms-is-hns-enabled", "false")
	switch r.URL.Query().Get("comp") {
	case "list":
		writeXML(w, `<EnumerationResults><Containers/><NextMarker/></EnumerationResults>`)
	case "properties":
		writeXML(w, `<StorageServiceProperties/>`)
	}
}

func (s *service) container(w http.ResponseWriter, r *http.Request, container string) {
	header := w.Header()
	header.Set("ETag", `"0x1"`)
	header.Set("Last-Modified", httpTime(time.Now()))
	header.Set("x-ms-lease-state", "available")
	header.Set("x-ms-lease-status", "unlocked")
	switch {
	case r.URL.Query().Get("comp") == "list":
		s.list(w, r, container)
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (s *service) blob(w http.ResponseWriter, r *http.Request, path string) {
	comp := r.URL.Query().Get("comp")
	switch r.Method {
	case http.MethodPut:
		switch comp {
		case "":
			s.putBlob(w, r, path)
		case "block":
			s.putBlock(w, r, path)
		case "blocklist":
			s.putBlockList(w, r, path)
		default:
			s.setProperties(w, r, path)
		}
	case http.MethodGet, http.MethodHead:
		if comp == "blocklist" {
			s.getBlockList(w, r, path)
		} else {
			s.getBlob(w, r, path)
		}
	case http.MethodDelete:
		if s.blobs.remove(path) {
			w.WriteHeader(http.StatusAccepted)
		} else {
			fail(w, http.StatusNotFound, "BlobNotFound")
		}
	default:
		fail(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb")
	}
}

func (s *service) putBlob(w http.ResponseWriter, r *http.Request, path string) {
	given := r.Header.Get("x-ms-blob-content-md5")
	if given == "" {
		given = r.Header.Get("Content-MD5")
	}
	size, ok := s.receive(w, r, given)
	if !ok {
		return
	}
	made := newBlob(r, size, given)
	if !s.blobs.put(path, made, r.Header.Get("If-None-Match") == "*") {
		fail(w, http.StatusConflict, "BlobAlreadyExists")
		return
	}
	answerStored(w, made)
}

func (s *service) putBlock(w http.ResponseWriter, r *http.Request, path string) {
	given := r.Header.Get("Content-MD5")
	size, ok := s.receive(w, r, given)
	if !ok {
		return
	}
	s.blobs.putBlock(path, r.URL.Query().Get("blockid"), size)
	if given != "" {
		w.Header().Set("Content-MD5", given)
	}
	w.WriteHeader(http.StatusCreated)
}

func (s *service) putBlockList(w http.ResponseWriter, r *http.Request, path string) {
	var list struct {
		Entries []struct {
			ID string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.NewDecoder(r.Body).Decode(&list); err != nil {
		fail(w, http.StatusBadRequest, "InvalidXmlDocument")
		return
	}
	ids := make([]string, len(list.Entries))
	for i, entry := range list.Entries {
		ids[i] = strings.TrimSpace(entry.ID)
	}
	blocks, ok := s.blobs.takeBlocks(path, ids)
	if !ok {
		fail(w, http.StatusBadRequest, "InvalidBlockList")
		return
	}
	made := newBlob(r, 0, r.Header.Get("x-ms-blob-content-md5"))
	made.blocks = blocks
	for _, block := range blocks {
		made.size += block.size
	}
	if !s.blobs.put(path, made, r.Header.Get("If-None-Match") == "*") {
		fail(w, http.StatusConflict, "BlobAlreadyExists")
		return
	}
	answerStored(w, made)
}

func (s *service) getBlockList(w http.ResponseWriter, r *http.Request, path string) {
	found := s.blobs.get(path)
	waiting := s.blobs.uncommittedBlocks(path)
	if found == nil && len(waiting) == 0 {
		fail(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	var text strings.Builder
	text.WriteString(`<BlockList>`)
	kind := r.URL.Query().Get("blocklisttype")
	if kind != "uncommitted" && found != nil {
		writeBlocks(&text, "CommittedBlocks", found.blocks)
	}
	if kind == "uncommitted" || kind == "all" {
		writeBlocks(&text, "UncommittedBlocks", waiting)
	}
	text.WriteString(`</BlockList>`)
	if found != nil {
		w.Header().Set("ETag", found.etag)
		w.Header().Set("Last-Modified", httpTime(found.modified))
	}
	writeXML(w, text.String())
}

func writeBlocks(text *strings.Builder, name string, blocks []block) {
	fmt.Fprintf(text, "<%s>", name)
	for _, block := range blocks {
		fmt.Fprintf(text, "<Block><Name>%s</Name><Size>%d</Size></Block>", block.id, block.size)
	}
	fmt.Fprintf(text, "</%s>", name)
}

// getBlob answers with as many zeros as the blob has bytes.
func (s *service) getBlob(w http.ResponseWriter, r *http.Request, path string) {
	found := s.blobs.get(path)
	if found == nil {
		fail(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	header := w.Header()
	header.Set("ETag", found.etag)
	header.Set("Last-Modified", httpTime(found.modified))
	header.Set("x-ms-creation-time", httpTime(found.modified))
	header.Set("x-ms-blob-type", "BlockBlob")
	header.Set("x-ms-server-encrypted", "true")
	header.Set("x-ms-lease-status", "unlocked")
	header.Set("x-ms-lease-state", "available")
	header.Set("Content-Type", found.contentType)
	if found.md5 != "" {
		header.Set("Content-MD5", found.md5)
	}
	for name, value := range found.metadata {
		header.Set("x-ms-meta-"+name, value)
	}
	header.Set("Content-Length", fmt.Sprint(found.size))
	if r.Method == http.MethodGet {
		// The reader may go away; then there is nobody to tell.
		_, _ = io.CopyN(w, zeros{}, found.size)
	}
}

// setProperties is Set Blob Metadata, Properties, Tier and Tags: only metadata are kept.
func (s *service) setProperties(w http.ResponseWriter, r *http.Request, path string) {
	s.drain(r.Body, nil)
	found := s.blobs.get(path)
	if found == nil {
		fail(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	changed := *found
	if r.URL.Query().Get("comp") == "metadata" {
		changed.metadata = metadataOf(r)
	}
	s.blobs.put(path, &changed, false)
	w.Header().Set("ETag", changed.etag)
	w.Header().Set("Last-Modified", httpTime(changed.modified))
}

// receive reads the body; it answers itself, and gives false, when the body is not what was announced.
func (s *service) receive(w http.ResponseWriter, r *http.Request, given string) (int64, bool) {
	var sum hash.Hash
	if s.verify && given != "" {
		sum = md5.New()
	}
	size := s.drain(r.Body, sum)
	if r.ContentLength >= 0 && size != r.ContentLength {
		return 0, false
	}
	if sum != nil && base64.StdEncoding.EncodeToString(sum.Sum(nil)) != given {
		fail(w, http.StatusBadRequest, "Md5Mismatch")
		return 0, false
	}
	return size, true
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func (s *service) drain(body io.Reader, sum hash.Hash) int64 {
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	var size int64
	for {
		n, err := body.Read(buffer[:])
		size += int64(n)
		if sum != nil {
			sum.Write(buffer[:n])
		}
		if err != nil {
			s.bytes.Add(size)
			return size
		}
	}
}

func newBlob(r *http.Request, size int64, md5 string) *blob {
	contentType := r.Header.Get("x-ms-blob-content-type")
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	return &blob{size: size, md5: md5, contentType: contentType, metadata: metadataOf(r)}
}

func metadataOf(r *http.Request) map[string]string {
	found := map[string]string{}
	for name, values := range r.Header {
		if key, ok := strings.CutPrefix(strings.ToLower(name), "x-ms-meta-"); ok {
			found[key] = values[0]
		}
	}
	return found
}

func answerStored(w http.ResponseWriter, stored *blob) {
	header := w.Header()
	header.Set("ETag", stored.etag)
	header.Set("Last-Modified", httpTime(stored.modified))
	header.Set("x-ms-request-server-encrypted", "true")
	if stored.md5 != "" && stored.blocks == nil {
		header.Set("Content-MD5", stored.md5)
	}
	w.WriteHeader(http.StatusCreated)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>%s</Message></Error>", xmlHead, code, code)
}

func writeXML(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprint(w, xmlHead, body)
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// zeros is an endless run of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
