// The rules and dashboards beside this file, as a monitoring mixin: prometheusAlerts, prometheusRules and grafanaDashboards.
// The mixin imports the YAML and JSON files, so that they can also be used without jsonnet. _config sets what differs:
//
//   (import 'prometheus/mixin.libsonnet') + { _config+:: { targetsJob: 'devices', thresholds: { deviceCpu: 0.8 } } }
{
  _config+:: {
    // Selects the metrics of Rollcall: by default those of every Rollcall that is scraped. For several releases, render the mixin once
    // for each, with its own selector.
    rollcallSelector: 'job=~".+"',
    // The job that discovers through Rollcall.
    targetsJob: 'sensors',
    // Its name in the metrics of Prometheus itself; with the Prometheus Operator scrapeConfig/NAMESPACE/NAME.
    scrapePool: self.targetsJob,
    // The label by which clusters are told apart.
    clusterLabel: 'cluster',
    // Labels for every alert, such as a team. With several releases, set `rollcall` to the name of each.
    alertLabels: {},
    // Names of groups, and of alerts and recordings, to leave out.
    disabledGroups: [],
    disabled: [],
    // Thresholds of the alerts, by the names in thresholds.yml.
    thresholds: {},
  },

  local config = self._config,
  local places = std.parseYaml(importstr 'thresholds.yml'),
  local unknown = std.setDiff(std.objectFields(config.thresholds), std.objectFields(places)),
  assert std.length(unknown) == 0 : '_config.thresholds: %s is not in thresholds.yml' % unknown[0],

  local replaceAll(text, pairs) = std.foldl(function(one, pair) std.strReplace(one, pair[0], pair[1]), pairs, text),

  local thresholds(rule) = [
    {
      local place = places[name],
      from: place.after + place.value,
      mark: '%s<%s>' % [place.after, name],
      to: '%s%.10g' % [place.after, config.thresholds[name]],
    }
    for name in std.objectFields(config.thresholds)
    if std.get(rule, 'alert') == places[name].alert
  ],

  // In two steps, with marks, so that no replacement is replaced again.
  local expr(rule) = replaceAll(
    rule.expr,
    [[one.from, one.mark] for one in thresholds(rule)] +
    [[one.mark, one.to] for one in thresholds(rule)] +
    [
      ['config=~"sensors|"', 'config=~"%s|"' % config.scrapePool],
      ['config="sensors"', 'config="%s"' % config.scrapePool],
      ['job="sensors"', 'job="%s"' % config.targetsJob],
      ['(cluster, ', '(%s, ' % config.clusterLabel],
    ] +
    (
      if config.rollcallSelector == 'job=~".+"' then []
      else [['job=~".+"', config.rollcallSelector], ['job="rollcall"', config.rollcallSelector]]
    ),
  ),

  local files = [
    importstr 'rules/cluster.yml',
    importstr 'rules/devices.yml',
    importstr 'rules/discovery.yml',
    importstr 'rules/fleet.yml',
    importstr 'rules/objectives.yml',
    importstr 'rules/polling.yml',
    importstr 'rules/push.yml',
  ],

  local groups(kind) = [
    group {
      rules: [
        rule { expr: expr(rule) } + (if kind == 'alert' then { labels+: config.alertLabels } else {})
        for rule in group.rules
        if std.objectHas(rule, kind) && !std.member(config.disabled, rule[kind])
      ],
    }
    for file in files
    for group in std.parseYaml(file).groups
    if !std.member(config.disabledGroups, group.name)
  ],
  local filled(kind) = { groups+: [group for group in groups(kind) if std.length(group.rules) > 0] },

  prometheusAlerts+:: filled('alert'),
  prometheusRules+:: filled('record'),

  local dashboard(text) = std.parseJson(replaceAll(text, [
    ['["sensors"]', std.manifestJsonMinified([config.targetsJob])],
    ['cluster=~', config.clusterLabel + '=~'],
    [', cluster)', ', %s)' % config.clusterLabel],
    ['(cluster, ', '(%s, ' % config.clusterLabel],
  ])),

  grafanaDashboards+:: {
    'rollcall-devices.json': dashboard(importstr 'dashboards/devices.json'),
    'rollcall-discovery.json': dashboard(importstr 'dashboards/discovery.json'),
    'rollcall-fleet.json': dashboard(importstr 'dashboards/fleet.json'),
  },
}
