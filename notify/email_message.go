package notify

import (
	"bytes"
	"errors"
	"html/template"
	"strings"
	"sync"

	"github.com/wneessen/go-mail"
)

var mailPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(`<!doctype html><html><body style="font-family:sans-serif">
<h2>{{.Title}}</h2>
{{if .Lines}}<ul>{{range .Lines}}<li>{{.}}</li>{{end}}</ul>{{else}}{{range .Body}}<p>{{.}}</p>
{{end}}
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

// message writes the mail. At every try it has the same Message-ID, so a mail program
// shows a mail that arrives twice only once.
func (e *Email) message(n Notice) ([]byte, error) {
	page, err := mailHTML(n)
	if err != nil {
		return nil, err
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithBoundary(e.messageID("boundary:" + n.Key)[:32]))
	if err := errors.Join(m.From(e.From), m.To(e.To...)); err != nil {
		return nil, err
	}
	// An encoded word in the data would be decoded by the reader's mail program.
	m.Subject(strings.ReplaceAll(n.Title(), "=?", "= ?"))
	m.SetDateWithValue(n.At)
	m.SetMessageIDWithValue(e.messageID(n.Key))
	// A thread has no first mail, because a group may join it later. All its mails
	// refer to the name of the thread.
	if all := n.threads(); len(all) == 1 {
		thread := "<" + e.messageID("thread:"+all[0].ID) + ">"
		m.SetGenHeader(mail.HeaderReferences, thread)
		m.SetGenHeader(mail.HeaderInReplyTo, thread)
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(mail.TypeTextPlain, n.Title()+"\n\n"+n.Text())
	m.AddAlternativeString(mail.TypeTextHTML, string(page))
	var b bytes.Buffer
	_, err = m.WriteTo(&b)
	return b.Bytes(), err
}

func mailHTML(n Notice) ([]byte, error) {
	view := struct {
		Title, Link string
		Body, Lines []string
		Facts       []mailFact
	}{Title: n.Title(), Link: n.Link()}
	if len(n.Entries) == 1 && n.Kind != Digest {
		view.Body = n.Entries[0].Body()
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
