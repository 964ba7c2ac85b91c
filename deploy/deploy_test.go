// Package deploy_test holds the files of deploy/ to each other and to the program.
package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/testenv"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents decodes every document of a YAML file.
func documents(t *testing.T, path string) (out []map[string]any) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(read(t, path))); ; {
		var v map[string]any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, v)
	}
}

// TestTheExampleLoads: with the secrets' folder that each way of deploying gives.
func TestTheExampleLoads(t *testing.T) {
	t.Parallel()
	secrets := t.TempDir()
	for name, text := range map[string]string{"shop_dsn": "postgres://reader@db/shop\n", "sentinel_token": "tiger-tiger-burning-bright\n"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) (string, bool) {
		if name == "SENTINEL_SECRETS" {
			return secrets, true
		}
		return "", false
	}
	c, err := config.Load("sentinel.yaml", env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Token.Reveal() != "tiger-tiger-burning-bright" || c.State.Reveal() != "sqlite:/var/lib/sentinel/sentinel.db" || c.Listen != "127.0.0.1:9780" ||
		len(c.Channels) != 1 {
		t.Errorf("%+v", c)
	}
	guard := access.NewGuard(c.Web, &net.TCPAddr{IP: net.IPv4zero}, sentinel.ClockFunc(time.Now), nil)
	answers := guard.Hosts(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for _, host := range hostsOfTheAgent(t) {
		w := httptest.NewRecorder()
		answers.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+host+"/metrics", nil))
		if w.Code != http.StatusOK {
			t.Errorf("the agent does not answer to %s: %d", host, w.Code)
		}
	}
	if read(t, "sentinel.yaml") != read(t, "kubernetes/sentinel.yaml") {
		t.Error("kubernetes/sentinel.yaml is another file than sentinel.yaml: kustomize takes none from outside its folder")
	}
}

// hostsOfTheAgent are the names by which the other files reach the agent.
func hostsOfTheAgent(t *testing.T) (hosts []string) {
	t.Helper()
	for _, path := range []string{"compose/prometheus.yml", "compose/alertmanager.yml"} {
		found := regexp.MustCompile(`[a-z.]+:9780`).FindAllString(read(t, path), -1)
		if len(found) == 0 {
			t.Errorf("%s does not reach the agent", path)
		}
		hosts = append(hosts, found...)
	}
	return append(hosts, "localhost:9780", "sentinel.monitoring.svc:9780")
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	kustomization := documents(t, "kubernetes/kustomization.yaml")[0]
	for _, name := range kustomization["resources"].([]any) {
		for _, d := range documents(t, filepath.Join("kubernetes", name.(string))) {
			if d["apiVersion"] == nil || d["kind"] == nil || d["metadata"] == nil || d["spec"] == nil {
				t.Errorf("%s: %v", name, d)
			}
		}
	}
	var set struct {
		Spec struct {
			Replicas int
			Template struct {
				Spec struct {
					SecurityContext struct {
						RunAsNonRoot bool `yaml:"runAsNonRoot"`
					} `yaml:"securityContext"`
					Containers []struct {
						Args  []string
						Env   []struct{ Name, Value string }
						Ports []struct {
							ContainerPort int `yaml:"containerPort"`
						}
						LivenessProbe struct {
							HTTPGet struct{ Path string } `yaml:"httpGet"`
						} `yaml:"livenessProbe"`
						ReadinessProbe struct {
							HTTPGet struct{ Path string } `yaml:"httpGet"`
						} `yaml:"readinessProbe"`
						Security struct {
							ReadOnly bool `yaml:"readOnlyRootFilesystem"`
						} `yaml:"securityContext"`
						VolumeMounts []struct {
							MountPath string `yaml:"mountPath"`
						} `yaml:"volumeMounts"`
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "kubernetes/statefulset.yaml")), &set); err != nil {
		t.Fatal(err)
	}
	c := set.Spec.Template.Spec.Containers[0]
	var mounts []string
	for _, m := range c.VolumeMounts {
		mounts = append(mounts, m.MountPath)
	}
	secure := set.Spec.Template.Spec.SecurityContext.RunAsNonRoot && c.Security.ReadOnly
	probes := c.LivenessProbe.HTTPGet.Path == "/-/healthy" && c.ReadinessProbe.HTTPGet.Path == "/-/ready"
	if set.Spec.Replicas != 1 || !secure || !probes || c.Ports[0].ContainerPort != 9780 ||
		!slices.Contains(mounts, "/var/lib/sentinel") || c.Args[0] != "run" {
		t.Errorf("%+v", c)
	}
	web := read(t, "../web/web.go") + read(t, "../web/routes.go")
	for _, path := range []string{"/-/healthy", "/-/ready", "/api/v1/alerts", "/metrics"} {
		if !strings.Contains(web, path+`"`) {
			t.Errorf("the agent does not serve %s", path)
		}
	}
}

// overlay is a kustomization of the manifests of kubernetes/.
type overlay struct {
	Resources []string
	Patches   []struct {
		Target struct{ Kind, Name string }
		Patch  string
	}
}

// readOverlay reads a kustomization. Each patch is of something that the manifests have, and none
// lies below its base, which kustomize takes for a circle.
func readOverlay(t *testing.T, folder string) (o overlay) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, folder+"/kustomization.yaml")), &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Resources) == 0 || o.Resources[0] != "../kubernetes" {
		t.Errorf("%s: its base is %v", folder, o.Resources)
	}
	files := map[string]string{"StatefulSet": "kubernetes/statefulset.yaml", "ServiceMonitor": "kubernetes/servicemonitor.yaml"}
	for _, p := range o.Patches {
		manifest := documents(t, files[p.Target.Kind])[0]
		if manifest["metadata"].(map[string]any)["name"] != p.Target.Name {
			t.Errorf("no %s %s", p.Target.Kind, p.Target.Name)
		}
		var operations []struct{ Op, Path string }
		if err := yaml.Unmarshal([]byte(p.Patch), &operations); err != nil {
			t.Fatal(err)
		}
		for _, o := range operations {
			var at any = manifest
			steps := strings.Split(strings.TrimPrefix(o.Path, "/"), "/")
			for _, step := range steps[:len(steps)-1] {
				if list, ok := at.([]any); ok && step == "0" {
					at = list[0]
					continue
				}
				at = at.(map[string]any)[step]
			}
			there := false
			if m, ok := at.(map[string]any); ok {
				there = m[steps[len(steps)-1]] != nil
			}
			if at == nil || o.Op != "add" && !there {
				t.Errorf("%s: nothing at %s to %s", p.Target.Kind, o.Path, o.Op)
			}
		}
	}
	return o
}

// TestKubernetesWithReplicas: two agents, with a configuration that differs in the state alone.
func TestKubernetesWithReplicas(t *testing.T) {
	t.Parallel()
	o := readOverlay(t, "kubernetes-replicas")
	if len(o.Patches) != 1 || !strings.Contains(o.Patches[0].Patch, "/spec/replicas, value: 2}") {
		t.Errorf("%+v", o)
	}
	secrets := t.TempDir()
	for name, text := range map[string]string{
		"shop_dsn": "postgres://reader@db/shop\n", "sentinel_token": "tiger-tiger-burning-bright\n",
		"state_dsn": "postgres://sentinel@db/sentinel\n",
	} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load("kubernetes-replicas/sentinel.yaml", func(name string) (string, bool) {
		return secrets, name == "SENTINEL_SECRETS"
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Agents != 2 || c.State.Reveal() != "postgres://sentinel@db/sentinel" {
		t.Errorf("%d agents, state %s", c.Agents, c.State.Reveal())
	}
	rest := func(path string) string {
		_, after, _ := strings.Cut(read(t, path), "\nlisten:")
		return after
	}
	if rest("kubernetes-replicas/sentinel.yaml") != rest("sentinel.yaml") {
		t.Error("kubernetes-replicas/sentinel.yaml differs from sentinel.yaml in more than the state")
	}
}

// TestKubernetesWithTLS: each patch is of something that the manifests have, and the web
// configuration file is one.
func TestKubernetesWithTLS(t *testing.T) {
	t.Parallel()
	o := readOverlay(t, "kubernetes-tls")
	if len(o.Patches) != 2 || len(o.Resources) != 1 {
		t.Errorf("%+v", o)
	}
	dir := t.TempDir()
	testenv.NewAuthority(t, dir).Issue(t, "tls", "sentinel")
	file := strings.ReplaceAll(read(t, "kubernetes-tls/web.yml"), "/run/tls/tls.crt", "tls.pem")
	path := filepath.Join(dir, "web.yml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(file, "/run/tls/", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := access.OpenWebFile(path); err != nil {
		t.Error(err)
	}
}

// TestCompose: what is mounted is there, and what is named is defined.
func TestCompose(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Image   string
			Secrets []string
			Volumes []string
		}
		Secrets map[string]any
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose/docker-compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 5 {
		t.Errorf("%d services", len(file.Services))
	}
	for name, s := range file.Services {
		if s.Image != "" && !regexp.MustCompile(`:v?[0-9]`).MatchString(s.Image) {
			t.Errorf("%s: %s is not pinned", name, s.Image)
		}
		for _, secret := range s.Secrets {
			if _, ok := file.Secrets[secret]; !ok {
				t.Errorf("%s: no secret %s", name, secret)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, ".") {
				if _, ok := file.Volumes[from]; !ok {
					t.Errorf("%s: no volume %s", name, from)
				}
				continue
			}
			if _, err := os.Stat(filepath.Join("compose", from)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if out, err := exec.Command("amtool", "check-config", "compose/alertmanager.yml").CombinedOutput(); err != nil {
		t.Errorf("amtool check-config (install it with `make deps`): %v\n%s", err, out)
	}
	check := exec.Command("promtool", "check", "config", "--syntax-only", "compose/prometheus.yml")
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check config (install it with `make deps`): %v\n%s", err, out)
	}
}

func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	unit := read(t, "systemd/sentinel.service")
	known := regexp.MustCompile(`^(\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=.*|#.*|)$`)
	for n, line := range strings.Split(unit, "\n") {
		if !known.MatchString(line) {
			t.Errorf("line %d: %q", n+1, line)
		}
	}
	for _, want := range []string{
		"ExecStart=/usr/bin/sentinel run -c /etc/sentinel/sentinel.yaml",
		"DynamicUser=yes",
		"StateDirectory=sentinel",
		"ProtectSystem=strict",
		"NoNewPrivileges=yes",
		"LoadCredential=shop_dsn:",
		"LoadCredential=sentinel_token:",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	file := read(t, "Dockerfile")
	mod := read(t, "../go.mod")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(mod)[1]
	for _, want := range []string{
		"FROM golang:" + version + "-",
		"CGO_ENABLED=0",
		"distroless/static",
		"USER 65532:65532",
		`ENTRYPOINT ["/usr/bin/sentinel"]`,
	} {
		if !strings.Contains(file, want) {
			t.Errorf("no %q", want)
		}
	}
	if bytes.Contains([]byte(file), []byte("ADD http")) {
		t.Error("something is fetched without a checksum")
	}
}
