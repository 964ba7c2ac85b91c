package access

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	sessionCookie = "sentinel_session"
	sessionTime   = 12 * time.Hour // how long a login in a browser holds
	keptSessions  = 1000           // the oldest is dropped beyond it
	// FormToken is the field of a form that holds the token of [FormTokenOf].
	FormToken   = "form_token"
	longestName = 64
)

// The errors of a login.
var (
	// ErrLogin: no token or user fits.
	ErrLogin = errors.New("no token and no user fits")
	// ErrNameless: the token is shared, and its holder did not say who they are.
	ErrNameless = errors.New("this token is shared: say who you are")
	// ErrWait: the address has to wait after too many refused logins.
	ErrWait = errors.New("too many refused logins: wait a minute")
)

// sessions are the logins of browsers. They are in memory alone, so a restart ends them. A
// session holds no token and no password.
type sessions struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]session // by the digest of the cookie's value
}

// session is one login.
type session struct {
	token [sha256.Size]byte // digest of the token that opened it
	user  string            // the user of the web configuration file that opened it; "": a token did
	hash  string            // the user's hash when it was opened: a changed password ends the session
	says  string            // who the holder says to be
	until time.Time
}

func (s *sessions) add(value string, v session, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[[sha256.Size]byte]session{}
	}
	var oldest [sha256.Size]byte
	for key, other := range s.known {
		if !now.Before(other.until) {
			delete(s.known, key)
		} else if first, ok := s.known[oldest]; !ok || other.until.Before(first.until) {
			oldest = key
		}
	}
	if len(s.known) >= keptSessions {
		delete(s.known, oldest)
	}
	s.known[sha256.Sum256([]byte(value))] = v
}

func (s *sessions) get(value string, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.known[sha256.Sum256([]byte(value))]
	return v, ok && now.Before(v.until)
}

func (s *sessions) drop(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, sha256.Sum256([]byte(value)))
}

// Login opens a session for a browser by a token, or by the password of a user of the web
// configuration file, and sets its cookie. name is the user's, or who the holder of the token
// says to be. It returns the name for the audit log. The errors are [ErrLogin], [ErrNameless]
// and [ErrWait].
func (g *Guard) Login(w http.ResponseWriter, r *http.Request, name, secret string) (actor string, err error) {
	client, now := clientOf(r), g.clock.Now()
	if g.failures.blocked(client, now) > 0 {
		return "", ErrWait
	}
	v := session{until: now.Add(sessionTime), says: clean(name)}
	who, ok := identity{}, false
	if g.inForce().file.hasUsers() && g.inForce().file.login(name, secret) {
		v.user, v.says, v.hash = name, "", g.inForce().file.hashOf(name)
		who, ok = g.userNamed(name), true
	} else if secret != "" {
		v.token = sha256.Sum256([]byte(secret))
		bearer := &http.Request{Method: http.MethodPost, Header: http.Header{"Authorization": {"Bearer " + secret}}}
		who, ok = g.identify(bearer.WithContext(r.Context()))
	}
	switch {
	case !ok:
		g.observer.Refused(r.Context(), client, r.URL.Path, g.failures.add(client, now))
		return "", ErrLogin
	case who.shared && v.says == "":
		return "", ErrNameless
	}
	if c, err := r.Cookie(sessionCookie); err == nil {
		g.sessions.drop(c.Value) // the one that this login replaces
	}
	value := rand.Text()
	g.sessions.add(value, v, now)
	http.SetCookie(w, g.cookie(r, value, int(sessionTime/time.Second)))
	who.says = v.says
	return Actor(context.WithValue(r.Context(), identityKey{}, who), ""), nil
}

// clean makes a name fit for the audit log.
func clean(name string) string {
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, strings.TrimSpace(name))
	for len(name) > longestName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// Logout ends the session of a browser.
func (g *Guard) Logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		g.sessions.drop(c.Value)
	}
	http.SetCookie(w, g.cookie(r, "", -1))
}

// cookie returns the cookie of a session. Scripts do not see it, pages of other sites do not
// send it, and under TLS it is never sent in the clear.
func (g *Guard) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: cmp.Or(g.inForce().OwnPath, "/"), MaxAge: age, HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
		Secure:   r.TLS != nil || g.inForce().OwnTLS && strings.EqualFold(hostName(r.Host), g.inForce().OwnName),
	}
}

// session returns who has opened the session of a request. A token that is no longer
// configured or whose file has another text by now, and a password that has changed, end it.
func (g *Guard) session(r *http.Request) (who identity, ok bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return who, false
	}
	v, ok := g.sessions.get(c.Value, g.clock.Now())
	switch {
	case !ok:
		return who, false
	case v.user != "":
		who, ok = g.userNamed(v.user), v.hash != "" && v.hash == g.inForce().file.hashOf(v.user)
	default:
		if err := g.inForce().files.Refresh(context.WithoutCancel(r.Context())); err != nil {
			g.observer.Unread(err)
		}
		who, ok = g.findDigest(v.token)
	}
	who.says, who.form = v.says, "session "+c.Value
	return who, ok
}

// Refusal says why a browser's request was not let through.
type Refusal struct {
	Status  int
	Message string
	Login   bool // a login would help
}

// Browser lets the requests of people's browsers through: with a session, with a token, or
// without both where role is "" and reading is open. refuse answers the others. What changes
// something must come from a page of the agent itself: see [FormTokenOf].
func (g *Guard) Browser(
	role string, refuse func(http.ResponseWriter, *http.Request, Refusal), next http.Handler,
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, users := clientOf(r), g.inForce().file.hasUsers()
		if wait := g.failures.blocked(client, g.clock.Now()); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(1+int(wait/time.Second)))
			refuse(w, r, Refusal{http.StatusTooManyRequests, ErrWait.Error(), false})
			return
		}
		who, ok := g.session(r)
		if !ok && r.Header.Get("Authorization") != "" {
			if who, ok = g.identify(r); !ok {
				g.observer.Refused(r.Context(), client, r.URL.Path, g.failures.add(client, g.clock.Now()))
				challenge(w, r, users)
				return
			}
			who.form = "user " + who.name
		}
		needed := cmp.Or(role, Viewer)
		switch open := role == "" && g.inForce().Read != "token" && !users; {
		case !ok && !open && len(g.inForce().Tokens) == 0 && !users:
			refuse(w, r, Refusal{http.StatusForbidden, "nobody can sign in: set `token:` in the configuration", false})
			return
		case !ok && !open && !strings.Contains(r.Header.Get("Accept"), "text/html"):
			challenge(w, r, users) // to a program
			return
		case !ok && !open:
			refuse(w, r, Refusal{http.StatusUnauthorized, "this needs a login", true})
			return
		case ok && !allows(who.role, needed):
			refuse(w, r, Refusal{http.StatusForbidden, who.lacks(needed), false})
			return
		}
		if ok {
			r = r.WithContext(context.WithValue(r.Context(), identityKey{}, who))
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !g.ownForm(r) {
			const message = "this request does not come from a page of this agent: load the page again"
			refuse(w, r, Refusal{http.StatusForbidden, message, false})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownForm reports whether a changing request comes from a page of the agent. No page of another
// site can send a bearer token.
func (g *Guard) ownForm(r *http.Request) bool {
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return true
	}
	if g.crossOrigin.Check(r) != nil {
		return false
	}
	who, known := r.Context().Value(identityKey{}).(identity)
	if !known {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(r.PostFormValue(FormToken))
	if err != nil || len(raw) != 2*formTokenSize {
		return false
	}
	pad, masked := raw[:formTokenSize], raw[formTokenSize:]
	subtle.XORBytes(masked, masked, pad)
	return hmac.Equal(masked, g.formMAC(who))
}

const formTokenSize = 16

// formMAC binds forms to a session and to this process.
func (g *Guard) formMAC(who identity) []byte {
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte(who.form))
	return mac.Sum(nil)[:formTokenSize]
}

// FormTokenOf returns the token that a form must send with a request that changes something;
// "" where nobody is signed in. It differs each time, so that the size of a compressed page
// tells nothing of it.
func (g *Guard) FormTokenOf(ctx context.Context) string {
	who, known := ctx.Value(identityKey{}).(identity)
	if !known {
		return ""
	}
	out := make([]byte, 2*formTokenSize)
	_, _ = rand.Read(out[:formTokenSize]) // never fails
	subtle.XORBytes(out[formTokenSize:], g.formMAC(who), out[:formTokenSize])
	return base64.RawURLEncoding.EncodeToString(out)
}

// Allows reports whether whoever sends a request may do what a role may.
func Allows(ctx context.Context, role string) bool {
	who, known := ctx.Value(identityKey{}).(identity)
	return known && allows(who.role, role)
}
