// The control plane of Kubernetes, for test/chart/control-plane.test.ts: etcd, the API server, the controllers and the
// scheduler. The first argument selects one of them; its flags follow. One program, since they share most of their code.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	os.Args = os.Args[1:]
	commands := map[string]func() *cobra.Command{
		"apiserver":   apiserver.NewAPIServerCommand,
		"controllers": controllers.NewControllerManagerCommand,
		"scheduler":   func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	}
	if os.Args[0] == "etcd" {
		etcdmain.Main(os.Args)
	} else if commands[os.Args[0]]().Execute() != nil {
		os.Exit(1)
	}
}
