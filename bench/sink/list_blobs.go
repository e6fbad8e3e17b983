package main

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
)

const mostPerPage = 5000

// list is List Blobs, with prefix, delimiter, marker and maxresults.
//
// https://learn.microsoft.com/rest/api/storageservices/list-blobs
func (s *service) list(w http.ResponseWriter, r *http.Request, container string) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("maxresults"))
	if err != nil || limit <= 0 || limit > mostPerPage {
		limit = mostPerPage
	}
	prefix, delimiter, marker := query.Get("prefix"), query.Get("delimiter"), query.Get("marker")
	var text strings.Builder
	text.WriteString(`<EnumerationResults><Blobs>`)
	entries, next, folder := 0, "", ""
	for _, path := range s.blobs.paths(container + "/" + prefix) {
		name := path[len(container)+1:]
		if name < marker {
			continue
		}
		if entries == limit {
			next = name
			break
		}
		if below, ok := folderOf(name, prefix, delimiter); ok {
			if below != folder {
				folder = below
				entries++
				fmt.Fprintf(&text, `<BlobPrefix><Name>%s</Name></BlobPrefix>`, html.EscapeString(folder))
			}
			continue
		}
		if found := s.blobs.get(path); found != nil {
			entries++
			writeBlob(&text, name, found)
		}
	}
	fmt.Fprintf(&text, `</Blobs><NextMarker>%s</NextMarker></EnumerationResults>`, html.EscapeString(next))
	writeXML(w, text.String())
}

// folderOf gives the name up to the first delimiter behind the prefix, where there is one.
func folderOf(name, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	before, _, ok := strings.Cut(name[len(prefix):], delimiter)
	return prefix + before + delimiter, ok
}

func writeBlob(text *strings.Builder, name string, b *blob) {
	fmt.Fprintf(text, `<Blob><Name>%s</Name><Properties><Last-Modified>%s</Last-Modified><Etag>%s</Etag>`+
		`<Content-Length>%d</Content-Length><Content-Type>%s</Content-Type><Content-MD5>%s</Content-MD5>`+
		`<BlobType>BlockBlob</BlobType></Properties><Metadata>`,
		html.EscapeString(name), httpTime(b.modified), strings.Trim(b.etag, `"`),
		b.size, html.EscapeString(b.contentType), b.md5)
	for key, value := range b.metadata {
		fmt.Fprintf(text, "<%s>%s</%s>", key, html.EscapeString(value), key)
	}
	text.WriteString(`</Metadata></Blob>`)
}
