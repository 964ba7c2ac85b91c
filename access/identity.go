package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/secrets"
)

// identity is who sends a request: the holder of a token, or a user of the web configuration
// file.
type identity struct {
	name   string
	role   string
	shared bool // the token that stands in `token:`
	user   bool
	says   string // who the holder of a session says to be
	form   string // what the tokens of its forms are bound to
}

// lacks says that an identity is not enough for a role.
func (i identity) lacks(role string) string {
	if i.user {
		return fmt.Sprintf("the user %s is %s: this needs %s", i.name, article(i.role), article(role))
	}
	return fmt.Sprintf("the token %s is of %s: this needs one of %s", i.name, article(i.role), article(role))
}

// article writes a role with its article.
func article(role string) string {
	if role == Viewer {
		return "a " + role
	}
	return "an " + role
}

// Needs lets requests through of whoever has a role.
func (g *Guard) Needs(role string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := clientOf(r)
		if wait := g.failures.blocked(client, g.clock.Now()); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(1+int(wait/time.Second)))
			http.Error(w, "too many refused logins: wait a minute", http.StatusTooManyRequests)
			return
		}
		users := g.inForce().file.hasUsers()
		who, ok := g.identify(r)
		switch {
		case len(g.inForce().Tokens) == 0 && !users:
			http.Error(w, "changing requests are off: set `token:` in the configuration", http.StatusForbidden)
		case !ok:
			if _, _, basic := r.BasicAuth(); presented(r) != "" || basic && users {
				g.observer.Refused(r.Context(), client, r.URL.Path, g.failures.add(client, g.clock.Now()))
			}
			challenge(w, r, users)
		case !allows(who.role, role):
			http.Error(w, who.lacks(role), http.StatusForbidden)
		case who.user && g.crossOrigin.Check(r) != nil:
			http.Error(w, "a page of another site sent this request: use a token", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, who)))
		}
	})
}

// challenge asks for a login.
func challenge(w http.ResponseWriter, r *http.Request, users bool) {
	message := "this request needs the header `Authorization: Bearer TOKEN`"
	w.Header().Add("WWW-Authenticate", "Bearer")
	switch {
	case users:
		message += ", or the name and the password of a user"
		w.Header().Add("WWW-Authenticate", `Basic realm="sentinel"`)
	case r.Method == http.MethodGet:
		w.Header().Add("WWW-Authenticate", `Basic realm="sentinel: any name, and the token as password"`)
	}
	http.Error(w, message, http.StatusUnauthorized)
}

// Known reports whether [Guard.Needs] has let a request through: its sender has a role.
func Known(ctx context.Context) bool {
	_, known := ctx.Value(identityKey{}).(identity)
	return known
}

// HasLogins reports whether anybody can sign in.
func (g *Guard) HasLogins() bool { return len(g.inForce().Tokens) > 0 || g.inForce().file.hasUsers() }

// Trusts reports whether a request may see what is not for everybody who may read: its sender has
// a role, or nobody can have one and only this machine reaches the agent.
func (g *Guard) Trusts(ctx context.Context) bool { return Known(ctx) || g.loopback && !g.HasLogins() }

// Reads lets requests through that may read. One that brings a login must have a good one, also
// where nobody needs one; then its sender is known.
func (g *Guard) Reads(next http.Handler) http.Handler {
	open, closed := g.reading(func(r *rules) string { return r.Read }, next), g.Needs(Viewer, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.HasLogins() && r.Header.Get("Authorization") != "" {
			closed.ServeHTTP(w, r)
			return
		}
		open.ServeHTTP(w, r)
	})
}

// ReadsMetrics lets requests through that may read the metrics.
func (g *Guard) ReadsMetrics(next http.Handler) http.Handler {
	return g.reading(func(r *rules) string { return r.Metrics }, next)
}

// reading closes a path where the configuration says so, and where there are users, as every
// exporter does.
func (g *Guard) reading(rule func(*rules) string, next http.Handler) http.Handler {
	closed := g.Needs(Viewer, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rule(g.inForce()) == "token" || g.inForce().file.hasUsers() {
			closed.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identify returns who sends a request. A known token is found at once: a file is read again
// before if it has changed, and no command is run. Where none fits, and no user does, all
// texts are read again. That goes on when the client has hung up, which must not end a command.
func (g *Guard) identify(r *http.Request) (who identity, ok bool) {
	given := presented(r)
	ctx := context.WithoutCancel(r.Context())
	var unread error
	if given != "" {
		unread = g.inForce().files.Refresh(ctx)
		who, ok = g.find(given)
	}
	if !ok {
		who, ok = g.user(r)
	}
	if ok || given == "" {
		if unread != nil {
			g.observer.Unread(unread)
		}
		return who, ok
	}
	err := g.inForce().sources.Try(ctx, secrets.IsRefused, func() error {
		if who, ok = g.find(given); !ok {
			return &secrets.RefusedError{Err: errWrongToken}
		}
		return nil
	})
	return who, ok && err == nil
}

var errWrongToken = errors.New("no such token")

// user returns the user of the web configuration file whose name and password a request has.
func (g *Guard) user(r *http.Request) (who identity, ok bool) {
	name, password, basic := r.BasicAuth()
	if !basic || g.inForce().file == nil {
		return who, false
	}
	if ok = g.inForce().file.login(name, password); !ok {
		return who, false
	}
	return g.userNamed(name), true
}

// userNamed returns a user of the web configuration file.
func (g *Guard) userNamed(name string) identity {
	return identity{name: name, role: cmp.Or(g.inForce().Users[name], Viewer), user: true}
}

// find compares digests in constant time, and with all tokens, so that neither the length of
// a token nor its place can be measured. Of two tokens with one text, the lesser role counts.
func (g *Guard) find(given string) (found identity, ok bool) {
	return g.findDigest(sha256.Sum256([]byte(given)))
}

func (g *Guard) findDigest(got [sha256.Size]byte) (found identity, ok bool) {
	for _, t := range g.inForce().Tokens {
		want := sha256.Sum256([]byte(t.Text.Reveal()))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && !t.Text.IsZero() &&
			(!ok || !allows(t.Role, found.role)) {
			found, ok = identity{name: t.Name, role: t.Role, shared: t.Name == SharedToken}, true
		}
	}
	return found, ok
}

// presented returns the token that a request has: as a bearer token, or for reading as the
// password of a browser's form. A browser adds the latter to requests of other sites too, so
// that it changes nothing.
func presented(r *http.Request) string {
	header := r.Header.Get("Authorization")
	if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		_, password, _ := r.BasicAuth()
		return password
	}
	return ""
}

type identityKey struct{}

// Actor returns who acts, for the audit log: the name of the token or of the user, and who
// they say to be. The holder of the shared token is who they say to be.
func Actor(ctx context.Context, who string) string {
	by, _ := ctx.Value(identityKey{}).(identity)
	who = cmp.Or(who, by.says)
	switch {
	case by.name == "" || by.shared:
		return who
	case who == "" || who == by.name:
		return by.name
	}
	return by.name + " for " + who
}

// allows reports whether a role may do what another may.
func allows(has, wanted string) bool { return slices.Index(roles, has) >= slices.Index(roles, wanted) }
