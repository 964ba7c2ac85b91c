package access

import (
	"crypto/sha256"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// hashOfNobody is compared with the password of an unknown name, so that the time of the
// answer does not tell which names there are. It is the hash of no password that is known.
const hashOfNobody = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

// keptPasswords bounds the answers that are remembered.
const keptPasswords = 128

// passwords remembers which passwords fit, because a hash by bcrypt takes a tenth of a second
// to compare. It keeps digests only. One password is compared at a time: it takes a whole CPU.
type passwords struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]bool

	comparing sync.Mutex
}

// match reports whether a password fits a hash.
func (p *passwords) match(name, hash, password string) bool {
	key := digestOf(name, hash, password)
	if fits, known := p.recall(key); known {
		return fits
	}
	p.comparing.Lock()
	fits := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	p.comparing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= keptPasswords {
		p.known = map[[sha256.Size]byte]bool{}
	}
	p.known[key] = fits
	return fits
}

func (p *passwords) recall(key [sha256.Size]byte) (fits, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fits, known = p.known[key]
	return fits, known
}

// digestOf joins the digests of texts, so that no two lists of texts have one digest.
func digestOf(texts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
