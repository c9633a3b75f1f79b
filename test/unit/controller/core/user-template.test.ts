import { expect } from 'chai';
import { compileTemplates, renderWanted } from '../../../../controller/core/render.ts';
import type { WantedService } from '../../../../controller/core/types.ts';
import { mainTemplate, virtualServiceTemplate } from '../../../../controller/templates/defaults.ts';
import { paths, refusalOf, settingsOf, web } from './builders.ts';

const settings = settingsOf();

function renderBy(virtualService: string, main = mainTemplate.text) {
  const templates = compileTemplates({
    main: { fileName: 'templates/ipvs.conf.hbs', text: main },
    virtualService: { fileName: 'templates/virtual-service.conf.hbs', text: virtualService },
  });
  return renderWanted(templates, settings, [web], paths);
}

describe("a user's template", () => {
  it('may choose scheduler, thresholds and checks, and add what it likes', () => {
    const { files, wanted } = renderBy(
      `! ours, don't "touch"
      virtual_server fwmark {{mark}} { # comment
        lvs_sched sh\r
        sh-port
        persistence_timeout 50
        inhibit_on_failure
        virtualhost "a b"
        {{#each realServers}}
        real_server {{address}} {{port}} {
          weight {{weight}}
          uthreshold 7
          lthreshold 3
          {{#unless draining}}
          inhibit_on_failure off
          SMTP_CHECK {
            helo_name x
          }
          {{/unless}}
        }
        {{/each}}
      }\n`,
      'global_defs {\n  lvs_notify_fifo {{notifyFifo}}\n  rs_init_notifies\n  checker_log_all_failures true\n}\n{{#each virtualServices}}include {{file}}\n{{/each}}',
    );
    expect(files['virtual-services/tcp-80.conf']).not.to.contain('\r');
    expect(wanted[0]).to.deep.include({
      scheduler: 'sh',
      flags: ['flag-2'],
      persistence: { timeoutSeconds: 50, netmask: '255.255.255.255' },
    });
    expect(wanted[0]?.realServers).to.deep.equal([
      {
        address: '10.0.0.1',
        port: 8080,
        weight: 1,
        upperThreshold: 7,
        lowerThreshold: 3,
        inhibitOnFailure: false,
      },
      {
        address: '10.0.0.2',
        port: 8080,
        weight: 0,
        upperThreshold: 7,
        lowerThreshold: 3,
        inhibitOnFailure: true,
      },
    ]);
  });

  it('that is not Handlebars is refused when it is read, with file and line', () => {
    for (const text of ['a\n{{#each realServers}}\n', 'a\n{{', '{{/if}}']) {
      const problem = refusalOf(() => renderBy(text));
      expect(problem.code).to.equal('TEMPLATE_SYNTAX');
      expect(problem.message).to.match(
        /^template templates\/virtual-service\.conf\.hbs is not valid Handlebars: .*line \d/s,
      );
    }
  });

  it('that throws is refused with file, port, line and reason', () => {
    const problem = refusalOf(() => renderBy('\n\n{{wieght}}'));
    expect(problem.code).to.equal('TEMPLATE_FAILED');
    expect(problem.message).to.match(
      /^template templates\/virtual-service\.conf\.hbs cannot render port TCP\/80: "wieght" not defined .* 3:2;/,
    );
    expect(refusalOf(() => renderBy('{{frobnicate mark}}')).message).to.match(
      /cannot render port TCP\/80: .*frobnicate/,
    );
  });

  const server =
    '{{#each realServers}}\nreal_server {{address}} {{port}} {\nweight {{weight}}\n}\n{{/each}}\n';
  const block = (inside: string) => `virtual_server fwmark {{mark}} {\nlb_algo lc\n${inside}}\n`;
  describe('chooses how the kernel schedules', () => {
    const held = (timeoutSeconds: number, netmask = '255.255.255.255') => ({
      persistence: { timeoutSeconds, netmask },
    });
    const lc = { scheduler: 'lc', flags: [] };
    for (const [lines, scheduling] of [
      ['lb_algo lc', lc],
      ['lb_algo lc\npersistence_timeout', { ...lc, ...held(360) }],
      ['lb_algo lc\npersistence_timeout 3600', { ...lc, ...held(3600) }],
      ['persistence_granularity 255.255.0.0\nlb_algo lc', { ...lc, ...held(360, '255.255.0.0') }],
      [
        'persistence_granularity 255.255.255.0\npersistence_timeout 5\nlb_algo lc',
        { ...lc, ...held(5, '255.255.255.0') },
      ],
      ['lvs_sched sh\nsh-port\nsh-fallback', { scheduler: 'sh', flags: ['flag-1', 'flag-2'] }],
      ['lb_algo mh\nmh-fallback\nops', { scheduler: 'mh', flags: ['flag-1', 'ops'] }],
      ['lb_algo mh\nmh-port', { scheduler: 'mh', flags: ['flag-2'] }],
      ['flag-3\nlb_algo lc\nflag-2\nflag-1', { scheduler: 'lc', flags: ['flag-1', 'flag-2', 'flag-3'] }],
    ] as const)
      it(lines.replaceAll('\n', ', '), () => {
        const {
          realServers: _,
          mark,
          ...read
        } = renderBy(`virtual_server fwmark {{mark}} {\n${lines}\n${server}}\n`).wanted[0] as WantedService;
        expect(read).to.deep.equal(scheduling);
      });
  });

  it('may give the weight of servers once for all of them', () => {
    const { wanted } = renderBy(
      block(`weight 1\n${server.replace('weight {{weight}}', '{{#if draining}}weight 0{{/if}}')}`),
    );
    expect(wanted[0]?.realServers.map(({ weight }) => weight)).to.deep.equal([1, 0]);
  });

  const bad: [what: string, template: string, why: RegExp][] = [
    ['renders nothing', '', /virtual-service\.conf\.hbs.*no "virtual_server fwmark 1" for port TCP\/80/],
    [
      'has another mark',
      block(server).replace('{{mark}}', '7'),
      /"virtual_server fwmark 7" is not one|no "virtual_server fwmark 1"/,
    ],
    [
      'has an address and port for a mark',
      block(server).replace('fwmark {{mark}}', '203.0.113.1 80'),
      /"virtual_server 203.0.113.1 80" is not one/,
    ],
    [
      'has the virtual service twice',
      block(server).repeat(2),
      /line 10: "virtual_server fwmark 1" is not one/,
    ],
    ['leaves out the servers', block(''), /tcp-80\.conf line 1: no "real_server 10\.0\.0\.1 8080"/],
    [
      'leaves out one',
      block(
        server
          .replace('{{#each realServers}}', '{{#each realServers}}{{#unless draining}}')
          .replace('{{/each}}', '{{/unless}}{{/each}}'),
      ),
      /no "real_server 10\.0\.0\.2 8080"/,
    ],
    [
      'has one more',
      block(`${server}real_server 10.0.0.3 80 {\n}\n`),
      /"real_server 10\.0\.0\.3 80" is not wanted/,
    ],
    ['has one twice', block(server + server), /"real_server 10\.0\.0\.1 8080" is there twice/],
    [
      'gives a draining server weight',
      block(server.replace('weight {{weight}}\n', '')),
      /line 5: weight 1 instead of 0/,
    ],
    ['has a weight twice', block(server.replace('weight', 'weight 3\nweight')), /"weight" is there twice/],
    [
      'has a weight that is none',
      block(server.replace('{{weight}}', 'many')),
      /"weight" must be followed by one number/,
    ],
    [
      'checks a draining server',
      block(server.replace('\n}\n', '\nTCP_CHECK {\n}\n}\n')),
      /a draining server must have no check/,
    ],
    [
      'gives all servers a weight of its own',
      block(`weight 3\n${server.replace('weight {{weight}}', '{{#if draining}}weight 0{{/if}}')}`),
      /weight 3 instead of 1/,
    ],
    [
      'persists for no time',
      block(`persistence_timeout 0\n${server}`),
      /"persistence_timeout" must be 1 to 2678400 seconds/,
    ],
    [
      'persists for some time',
      block(`persistence_timeout long\n${server}`),
      /must be followed by one number/,
    ],
    [
      'persists twice',
      block(`persistence_timeout 5\npersistence_timeout 6\n${server}`),
      /"persistence_timeout" is there twice/,
    ],
    [
      'persists by a length',
      block(`persistence_granularity 24\n${server}`),
      /"persistence_granularity" must be an IPv4 netmask such as 255\.255\.255\.0/,
    ],
    [
      'has a persistence engine',
      block(`persistence_engine sip\n${server}`),
      /"persistence_engine" is not carried into the kernel by verify/,
    ],
    ['is for IPv6', block(`ip_family inet6\n${server}`), /"ip_family inet6" where only IPv4 is served/],
    [
      'has a flag of another scheduler',
      block(`sh-port\n${server}`),
      /line 3: "sh-port" must come after "lb_algo sh"/,
    ],
    [
      'has a flag before the scheduler',
      block(server).replace('lb_algo lc', 'mh-port\nlb_algo mh'),
      /line 2: "mh-port" must come after "lb_algo mh"/,
    ],
    ['is pessimistic', block(`alpha\n${server}`), /"alpha": keepalived would .*; leave it out/],
    ['is pessimistic of one server', block(server.replace('weight', 'alpha\nweight')), /"alpha": keepalived/],
    [
      'is pessimistic in a check',
      block(server.replace('\n}\n', '\n{{#unless draining}}\nTCP_CHECK {\nalpha yes\n}\n{{/unless}}\n}\n')),
      /line 6: "alpha": keepalived/,
    ],
    [
      'lets a check change weights',
      block(
        server.replace(
          '\n}\n',
          '\n{{#unless draining}}\nMISC_CHECK {\nmisc_path x\nmisc_dynamic\n}\n{{/unless}}\n}\n',
        ),
      ),
      /"misc_dynamic": verify would set the weight back to what the controller wants; leave it out/,
    ],
    [
      'lets a file change weights',
      block(
        server.replace('\n}\n', '\n{{#unless draining}}\nFILE_CHECK {\ntrack_file x\n}\n{{/unless}}\n}\n'),
      ),
      /"FILE_CHECK": .*"weight 0"/,
    ],
    ['has no scheduler', block(server).replace('lb_algo lc\n', ''), /no "lb_algo"/],
    ['tunnels', block(`lb_kind TUN\n${server}`), /"lb_kind TUN" where forwarding\.method says nat/],
    ['tunnels to one server', block(server.replace('weight', 'lvs_method DR\nweight')), /"lvs_method DR"/],
    ['has a sorry server', block(`${server}sorry_server 10.0.0.9 80\n`), /"sorry_server"/],
    ['closes too much', `${block(server)}}\n`, /a "}" too many/],
    ['closes too little', block(server).slice(0, -2), /a "}" is missing/],
    [
      'has a block in a line',
      block(server.replace('{\nweight {{weight}}\n}', '{ weight {{weight}} }')),
      /must be the last word of its line/,
    ],
    [
      'puts a brace in a line of its own',
      block(server).replace('}} {', '}}\n{'),
      /must be the last word of its line/,
    ],
    ['continues a line', `# \\\n${block(server)}`, /"\\" at the end of a line/],
    ['defines parameters', `$X=1\n${block(server)}`, /own "\$" substitution/],
    ['has conditional lines', `@host ${block(server)}`, /own "@" substitution/],
    ['has sequences', `~SEQ(x, 1, 2) ${block(server)}`, /own "~" substitution/],
    ['quotes a keyword', block(server.replace('weight', '"weight"')), /quotes/],
    ['hides a brace in quotes', block(`virtualhost "{"\n${server}`), /quotes beside a brace/],
    [
      'includes a file from elsewhere',
      `include /etc/keepalived/more.conf\n${block(server)}`,
      /includes .*more\.conf, which is not one/,
    ],
    [
      'includes itself',
      `include tcp-80.conf\n${block(server)}`,
      /includes virtual-services\/tcp-80\.conf a second time/,
    ],
    [
      'includes by a pattern',
      `includea *.conf\n${block(server)}`,
      /includes virtual-services\/\*\.conf, which is not one/,
    ],
    ['has control characters', `\u0007${block(server)}`, /control character/],
  ];
  for (const [what, template, why] of bad)
    it(`that ${what} is refused`, () => {
      const problem = refusalOf(() => renderBy(template));
      expect(problem.code).to.equal('TEMPLATE_RESULT');
      expect(problem.message).to.match(/^template templates\/(virtual-service|ipvs)\.conf\.hbs gives/);
      expect(problem.message).to.match(why);
    });

  it('may say that it is not pessimistic, and let a file decide whether a server is up', () => {
    const inside =
      '\n{{#unless draining}}\nFILE_CHECK {\ntrack_file x\nweight 0\n}\nalpha off\n{{/unless}}\n}\n';
    expect(renderBy(block(server.replace('\n}\n', inside))).wanted).to.have.length(1);
  });

  const include = '{{#each virtualServices}}\ninclude {{file}}\n{{/each}}\n';
  const globals = (inside: string) => `global_defs {\n${inside}}\n${include}`;
  const badMain: [what: string, template: string, why: RegExp][] = [
    ['renders nothing', '', /no "lvs_notify_fifo/],
    [
      'includes nothing',
      globals('lvs_notify_fifo {{notifyFifo}}\nrs_init_notifies\n').replace(include, ''),
      /no "virtual_server fwmark 1"/,
    ],
    [
      'has another FIFO',
      globals('lvs_notify_fifo /tmp/x\nrs_init_notifies\n'),
      /no "lvs_notify_fifo \/run\/keepalived\/notify\.fifo"/,
    ],
    [
      'does not ask for the first state',
      globals('lvs_notify_fifo {{notifyFifo}}\n'),
      /no "rs_init_notifies"/,
    ],
    [
      'flushes the rules',
      globals('lvs_notify_fifo {{notifyFifo}}\nrs_init_notifies\nlvs_flush\n'),
      /"lvs_flush": rules must outlive/,
    ],
    [
      'flushes the rules by the word of long ago',
      globals('lvs_notify_fifo {{notifyFifo}}\nrs_init_notifies\nlvs_flush_onstop\n'),
      /"lvs_flush_onstop": rules must outlive/,
    ],
  ];
  for (const [what, template, why] of badMain)
    it(`that ${what} is refused as the main file`, () => {
      const problem = refusalOf(() => renderBy(virtualServiceTemplate.text, template));
      expect(problem.code).to.equal('TEMPLATE_RESULT');
      expect(problem.message).to.match(/^template templates\/ipvs\.conf\.hbs gives/);
      expect(problem.message).to.match(why);
    });
});
