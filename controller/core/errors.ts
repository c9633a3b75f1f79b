/** What the core refuses: what happened, to what, what to do. */
import { problemTable } from '../../common/problem.ts';

export const refusals = problemTable({
  SERVICE_EXTERNAL_NAME: (service: string) =>
    `Service ${service} is of type ExternalName: it has no endpoints to balance over; name another Service in service.name, or change its type`,
  SERVICE_ABSENT: (service: string) =>
    `Service ${service} is not among the endpoints seen so far: what runs stays; create it, or mend service of the settings`,
  MARKS_EXHAUSTED: (port: string) =>
    `port ${port}: every firewall mark up to 2147483647 has been given; restart the LB pod to number anew`,
  TEMPLATE_SYNTAX: (file: string, why: string) =>
    `template ${file} is not valid Handlebars: ${why}; mend the template`,
  TEMPLATE_FAILED: (file: string, what: string, why: string) =>
    `template ${file} cannot render ${what}: ${why}; mend the template, or remove it to use the default`,
  TEMPLATE_RESULT: (file: string, where: string, why: string) =>
    `template ${file} gives a configuration that is not what is wanted: ${where}: ${why}; mend the template, or remove it to use the default`,
  NOT_RENDERABLE: (field: string, value: string, accepted: string) =>
    `${field} is ${value}, which cannot stand in keepalived's configuration: ${accepted}`,
});
