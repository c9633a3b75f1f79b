/**
 * The default templates: the settings of the thesis' Fig. 5.3. `protocol` is left out, keepalived warns of it
 * beside a fwmark. A file of the same name in the templates directory replaces one. Braces stand on lines of
 * their own or at the end of one, as keepalived's grammar wants.
 */
import type { TemplateSource } from '../core/types.ts';

export const mainTemplate: TemplateSource = {
  fileName: 'ipvs.conf.hbs',
  text: `# Service {{service}}. Written by portable-lb: what is changed here is overwritten.
global_defs {
    # which servers the checks took out, known from the first one on
    lvs_notify_fifo {{notifyFifo}}
    rs_init_notifies
}
{{#each virtualServices}}
include {{file}}
{{/each}}
`,
};

export const virtualServiceTemplate: TemplateSource = {
  fileName: 'virtual-service.conf.hbs',
  text: `# Service {{service}}, port {{key}}{{#if portName}} ({{portName}}){{/if}}
virtual_server fwmark {{mark}} {
    delay_loop {{delayLoopSeconds}}
    lb_algo {{scheduler}}
    lb_kind {{method}}
{{#each realServers}}

    real_server {{address}} {{port}} {
        weight {{weight}}
{{#if upperThreshold}}
        uthreshold {{upperThreshold}}
{{/if}}
{{#if lowerThreshold}}
        lthreshold {{lowerThreshold}}
{{/if}}
{{#if tcpCheck}}
        TCP_CHECK {
            connect_timeout {{tcpCheck.connectTimeoutSeconds}}
        }
{{/if}}
{{#if httpCheck}}
        HTTP_GET {
            connect_timeout {{httpCheck.connectTimeoutSeconds}}
            url {
                path {{httpCheck.path}}
                status_code {{httpCheck.statusCode}}
            }
        }
{{/if}}
{{#if udpCheck}}
        UDP_CHECK {
            connect_timeout {{udpCheck.connectTimeoutSeconds}}
{{#if udpCheck.payloadHex}}
            payload {{udpCheck.payloadHex}}
{{/if}}
{{#if udpCheck.requireReply}}
            require_reply
{{/if}}
        }
{{/if}}
    }
{{/each}}
}
`,
};
