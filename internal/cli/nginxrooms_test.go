package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/internal/freeaddr"
	"vitrine/internal/nginxtest"
)

// roomServer stands for a detail server of a room. It answers with its room and address.
type roomServer struct {
	room, address string
	server        *http.Server
	visitor       atomic.Pointer[string] // X-Forwarded-For of the last request
	hangs         atomic.Bool            // it accepts requests, and answers none
}

func startRoomServer(t *testing.T, room string) *roomServer {
	s := &roomServer{room: room, address: freeaddr.Of(t)}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *roomServer) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.hangs.Load() {
			<-r.Context().Done()
			return
		}
		visitor := r.Header.Get("X-Forwarded-For")
		s.visitor.Store(&visitor)
		fmt.Fprintf(w, "%s %s", s.room, s.address)
	})}
	go s.server.Serve(l)
}

func (s *roomServer) stop() { s.server.Close() }

// TestNginxOfTwoRooms proves that visitors are served by one room, by the other one while that is lost, and then by the first
// again; that an article has its server in either; and that the servers learn the visitor's address.
func TestNginxOfTwoRooms(t *testing.T) {
	t.Parallel()
	east := []*roomServer{startRoomServer(t, "east"), startRoomServer(t, "east")}
	west := []*roomServer{startRoomServer(t, "west"), startRoomServer(t, "west")}
	n := &nginx{nginxtest.StartRooms(t, [2]string{east[0].address, east[1].address}, [2]string{west[0].address, west[1].address}), t, ""}
	servedBy := map[string]string{} // room and article → server
	ask := func(article int) (room, server string) {
		t.Helper()
		status, _, body := n.get(fmt.Sprintf("/item/%d.html", article), "X-Forwarded-For: 203.0.113.9")
		room, server, _ = strings.Cut(body, " ")
		if status != http.StatusOK {
			t.Fatalf("article %d: status %d: %s", article, status, body)
		}
		return room, server
	}
	all := func(want string) {
		t.Helper()
		for article := range 30 {
			room, server := ask(article)
			if was := servedBy[fmt.Sprint(room, article)]; room != want || was != "" && was != server {
				t.Errorf("article %d is served by %s in %s, and was by %q", article, server, room, was)
			}
			servedBy[fmt.Sprint(room, article)] = server
		}
	}
	all("east")
	if visitor := *east[0].visitor.Load(); !regexp.MustCompile(`(^|, )203\.0\.113\.9$`).MatchString(visitor) {
		t.Errorf("a server is told that the visitor is %q", visitor)
	}
	all("east")
	for _, s := range east {
		s.stop()
	}
	all("west")
	for _, s := range east {
		s.start(t)
	}
	for article := range 30 {
		eventually(t, func() string {
			if room, _ := ask(article); room != "east" {
				return room + " still serves"
			}
			return ""
		})
	}
}

// TestNginxPassesAHangingServer proves that no visitor gets an error while one of a room's servers accepts requests and does not answer, as
// one does that is stopped, or whose machine has lost its power. Another server of the room answers.
func TestNginxPassesAHangingServer(t *testing.T) {
	t.Parallel()
	hanging, well := startRoomServer(t, "east"), startRoomServer(t, "east")
	west := startRoomServer(t, "west")
	hanging.hangs.Store(true)
	rooms := nginxtest.StartRooms(t, [2]string{hanging.address, well.address}, [2]string{west.address, west.address})
	for name, n := range map[string]*nginx{"one room": startNginx(t, hanging.address, well.address), "two rooms": {rooms, t, ""}} {
		t.Run(name, func(t *testing.T) {
			var visitors sync.WaitGroup
			for article := range 12 {
				visitors.Go(func() {
					r, err := http.Get(n.URL + fmt.Sprintf("/item/%d.html", article))
					if err != nil {
						t.Error(err)
						return
					}
					defer r.Body.Close()
					if body, err := io.ReadAll(r.Body); err != nil || string(body) != "east "+well.address {
						t.Errorf("article %d: %d %s %v", article, r.StatusCode, body, err)
					}
				})
			}
			visitors.Wait()
		})
	}
}
