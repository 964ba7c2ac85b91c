package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/app/server"
	"github.com/sentinel-dq/sentinel/internal/signals"
)

func newRun() *cobra.Command {
	var logFormat, logLevel string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent: check on schedule, record results, notify, repair, serve metrics",
		Long: `Runs until SIGINT or SIGTERM. SIGHUP, or POST /-/reload with the token, loads the
configuration again. If the new configuration does not load, the agent keeps the old one.`,
		Example: "  sentinel run -c sentinel.yaml --log-format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(cmd, logFormat, logLevel)
			if err != nil {
				return err
			}
			return run(cmd, log)
		},
	}
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "log format: text or json")
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "log level: debug, info, warn or error")
	return cmd
}

func run(cmd *cobra.Command, log *slog.Logger) error {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1) // the warehouse does the work; a second CPU costs the agent more than it gains
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // an agent is idle nearly always: less memory is worth more than fewer collections
	}
	cfg, err := load(cmd)
	if err != nil {
		return err
	}
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	options := server.Options{ConfigPath: path, Version: versionString(), Clock: clock, Log: log,
		HangUp: signals.HangUp(), RepairsOff: signals.RepairsOff()}
	return ofServer(server.New(cfg, options).Run(cmd.Context()))
}

// ofServer gives an error of a server its exit code.
func ofServer(err error) error {
	if configuration := new(server.ConfigError); errors.As(err, &configuration) {
		return err
	}
	return unavailable(err)
}

func newLog(cmd *cobra.Command, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: unknown word %q: want debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), options)), nil
	}
	return nil, fmt.Errorf("--log-format: unknown word %q: want text or json", format)
}
