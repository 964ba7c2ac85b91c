package notify

import (
	"bytes"
	"fmt"
	"html/template"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

var mailPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(`<!doctype html><html><body style="font-family:sans-serif">
<h2>{{.Title}}</h2>
{{if .Lines}}<ul>{{range .Lines}}<li>{{.}}</li>{{end}}</ul>{{else}}<p>{{.Message}}</p>
<table>{{range .Facts}}<tr><th align="left">{{.Name}}</th><td>{{if .Link -}}
<a href="{{.Value}}">{{.Value}}</a>{{else}}{{.Value}}{{end}}</td></tr>
{{end}}</table>{{end}}
{{with .Link}}<p><a href="{{.}}">Open in Sentinel</a></p>{{end}}
</body></html>
`))
})

type mailFact struct {
	Fact
	Link bool
}

// message writes the mail. It is the same at every try, so that a mail client
// shows one that came twice once.
func (e *Email) message(n Notice) ([]byte, error) {
	var b bytes.Buffer
	parts := multipart.NewWriter(&b)
	boundary := e.messageID("boundary:" + n.Key)[1:33]
	if err := parts.SetBoundary(boundary); err != nil {
		return nil, err
	}
	e.header(&b, n, boundary)
	if err := part(parts, "text/plain", []byte(n.Title()+"\n\n"+n.Text())); err != nil {
		return nil, err
	}
	page, err := mailHTML(n)
	if err != nil {
		return nil, err
	}
	if err := part(parts, "text/html", page); err != nil {
		return nil, err
	}
	if err := parts.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (e *Email) header(b *bytes.Buffer, n Notice, boundary string) {
	line := func(name, value string) { fmt.Fprintf(b, "%s: %s\r\n", name, value) }
	line("From", e.From)
	line("To", strings.Join(e.To, ", "))
	line("Subject", mime.QEncoding.Encode("utf-8", n.Title()))
	line("Date", n.At.Format(time.RFC1123Z))
	line("Message-ID", e.messageID(n.Key))
	// A thread has no first mail that all of them could name, since a group may
	// join it later: they all refer to the name of the thread itself.
	if all := n.threads(); len(all) == 1 {
		line("References", e.messageID("thread:"+all[0].ID))
		line("In-Reply-To", e.messageID("thread:"+all[0].ID))
	}
	line("Auto-Submitted", "auto-generated")
	line("MIME-Version", "1.0")
	line("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
}

func part(parts *multipart.Writer, kind string, text []byte) error {
	w, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {kind + "; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(w)
	if _, err := q.Write(text); err != nil {
		return err
	}
	return q.Close()
}

func mailHTML(n Notice) ([]byte, error) {
	view := struct {
		Title, Message, Link string
		Lines                []string
		Facts                []mailFact
	}{Title: n.Title(), Link: n.Link()}
	if len(n.Entries) == 1 && n.Kind != Digest {
		view.Message = clip(flat(n.Entries[0].Incident.Message), 2000)
		for _, f := range n.Entries[0].Facts(n.At) {
			view.Facts = append(view.Facts, mailFact{f, isLink(f.Value)})
		}
	} else {
		view.Lines = n.Lines()
	}
	var b bytes.Buffer
	err := mailPage().Execute(&b, view)
	return b.Bytes(), err
}
