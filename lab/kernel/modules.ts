/**
 * What the packaged 6.1 must load before the lab starts; the latest kernel has all of it built in. In a guest
 * nothing is loaded on demand. nf_tables stays out: the package has its core but no family that carries rules,
 * and finding half of it would mislead whoever asks the kernel what it can do.
 */
export const modulesToLoad = [
  ...['overlay', 'veth', 'bridge', 'dummy', 'tun', 'ipip', 'vxlan'],
  ...['sch_tbf', 'sch_netem', 'sch_htb', 'sch_ingress', 'sch_fq_codel'],
  ...['nf_conntrack', 'nf_conntrack_netlink', 'nf_nat'],
  ...['ip_tables', 'iptable_filter', 'iptable_nat', 'iptable_mangle', 'iptable_raw', 'ipt_REJECT'],
  ...[
    'xt_tcpudp',
    'xt_mark',
    'xt_connmark',
    'xt_nat',
    'xt_ipvs',
    'xt_MASQUERADE',
    'xt_REDIRECT',
    'xt_statistic',
  ],
  ...[
    'xt_comment',
    'xt_conntrack',
    'xt_multiport',
    'xt_addrtype',
    'xt_limit',
    'xt_owner',
    'xt_TCPMSS',
    'xt_LOG',
  ],
  ...['xt_NFLOG', 'xt_state', 'xt_set', 'xt_recent', 'xt_CT', 'nfnetlink_acct', 'xt_nfacct'],
  ...[
    'ip_vs',
    'ip_vs_rr',
    'ip_vs_wrr',
    'ip_vs_lc',
    'ip_vs_wlc',
    'ip_vs_sh',
    'ip_vs_dh',
    'ip_vs_mh',
    'ip_vs_sed',
  ],
  ...['ip_vs_nq', 'ip_vs_fo', 'ip_vs_ovf', 'ip_vs_lblc'],
];
