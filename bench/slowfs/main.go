// Slowfs mounts a folder a second time, behind latency: every look-up and
// every opening of a file or folder takes a while, as on a network mount.
//
//	slowfs -delay 1ms FOLDER MOUNTPOINT
//
// It prints "mounted" when it is ready, and unmounts on SIGINT and SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A slowNode passes everything through, and waits before look-ups and openings.
type slowNode struct {
	fs.LoopbackNode
	delay time.Duration
}

var (
	_ = (fs.NodeLookuper)((*slowNode)(nil))
	_ = (fs.NodeOpener)((*slowNode)(nil))
	_ = (fs.NodeOpendirHandler)((*slowNode)(nil))
)

func (n *slowNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	time.Sleep(n.delay)
	return n.LoopbackNode.Lookup(ctx, name, out)
}

func (n *slowNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	time.Sleep(n.delay)
	return n.LoopbackNode.Open(ctx, flags)
}

func (n *slowNode) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	time.Sleep(n.delay)
	return n.LoopbackNode.OpendirHandle(ctx, flags)
}

func main() {
	delay := flag.Duration("delay", time.Millisecond, "wait before each look-up and opening")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: slowfs -delay 1ms FOLDER MOUNTPOINT")
	}
	root := &fs.LoopbackRoot{Path: flag.Arg(0)}
	newNode := func() *slowNode {
		return &slowNode{LoopbackNode: fs.LoopbackNode{RootData: root}, delay: *delay}
	}
	root.NewNode = func(*fs.LoopbackRoot, *fs.Inode, string, *syscall.Stat_t) fs.InodeEmbedder {
		return newNode()
	}
	rootNode := newNode()
	root.RootNode = rootNode
	server, err := fs.Mount(flag.Arg(1), rootNode, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "slowfs", Name: "slowfs"},
	})
	if err != nil {
		log.Fatalf("can't mount %s: %v", flag.Arg(1), err)
	}
	fmt.Println("mounted")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		if err := server.Unmount(); err != nil {
			log.Print(err)
		}
	}()
	server.Wait()
}
