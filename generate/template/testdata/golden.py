"""Writes golden.json: what Jinja 2 (3.1) renders, set up as Hugging Face's transformers set it up.

    python generate/template/testdata/golden.py
"""
import json, pathlib
import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


env.globals["raise_exception"] = raise_exception
env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

CHATS = [
    [],
    [("user", "Hi")],
    [("system", "Be brief."), ("user", " What is 1 + 1? "), ("assistant", "2\n"), ("user", "It's <b>\"big\"</b> & naïve 😀")],
    [("user", "a"), ("user", "b")],
    [("user", "x"), ("assistant", "<think>\nhm\n</think>\n\nyes"), ("user", "")],
]
EXTRA = {"tools": [{"type": "function", "function": {"name": "add", "description": "it's \"sum\"", "parameters": {"b": 1, "a": [1.5, None, True]}}}], "enable_thinking": False}

STYLES = {
    "chatml": "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama3": """{{- bos_token }}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{%- if tools is not none and tools %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "zephyr": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    "gemma": """{{ bos_token }}{% if messages and messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}""",
    "mistral": """{%- if messages and messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set ns = namespace(index=0) %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported!") }}
    {%- endif %}
{%- endfor %}
""",
    "qwen3": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages and messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in message.content %}
            {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}
            {%- set reasoning_content = message.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
}

SNIPPETS = r"""
{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 - 3 - 4 }} {{ 1.5 + 1 }} {{ -(1) }} {{ 2e3 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 }} {{ 'a' 'b' }}
{{ [1, 'a', "it's", none, true, 2.5, {'k': [1]}] }} {{ (1, 2)|list }} {{ {} }} {{ [] }}
{{ 'x' if 0 else 'y' }} {{ 'x' if false }}| {{ 1 if true else 2 if true else 3 }}
{{ not 1 == 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'abc' }} {{ 'z' not in ['a'] }} {{ 1 == 1.0 }} {{ true == 1 }} {{ none == false }} {{ 'a' < 'b' }}
{{ 1 and 0 or 'x' }} {{ '' or [] or 'z' }} {{ not '' }}
{{ missing }}|{{ missing is defined }}|{{ missing == none }}|{{ missing|default('d') }}|{{ ''|default('d', true) }}|{{ none|d('x') }}|{{ messages.nothing }}|{{ missing|length }}
{{ missing.attribute }}
{{ missing + 'a' }}
{{ 'a' + 1 }}
{{ 'abc'[1] }}{{ 'abc'[-1] }}{{ 'abc'[5] }}|{{ [1,2,3][0] }}{{ [1,2][9] }}|{{ 'héllo'[1:3] }}{{ 'abc'[::-1] }}{{ [1,2,3,4][1:] }}{{ [1,2,3,4][:-1] }}{{ [1,2,3,4][-2:] }}{{ [1,2,3,4,5][::2] }}{{ [1,2,3][5:] }}{{ 'abc'[2:0:-1] }}{{ 'abc'[:none] }}
{{ ' a b '|trim }}|{{ ' a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'xxaxx'.rstrip('x') }}|{{ 'xxa'|trim('x') }}
{{ 'aBc dE'|upper }} {{ 'aBc'|lower }} {{ 'aBC dE'|capitalize }} {{ "ab cD e'f 1a"|title }} {{ 'aBc'.upper() }} {{ 'ab cd'.title() }} {{ 'aB'.capitalize() }}
{{ 'a-b-c'.split('-') }} {{ ' a  b '.split() }} {{ 'a-b-c'.split('-', 1) }} {{ 'a-b-c'.rsplit('-', 1) }} {{ 'a,b'.split(',')[-1] }} {{ 'a\nb\n'.splitlines() }} {{ 'abcb'.find('b') }} {{ 'abc'.find('z') }} {{ 'abcb'.count('b') }}
{{ 'abc'.startswith('a') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'aXbX'|replace('X', '') }} {{ 'abc'|replace('', '-') }}
{{ [1,2]|join(', ') }} {{ ['a', 'b']|join }} {{ 'abc'|join('-') }} {{ ', '.join(['x', 'y']) }} {{ messages|map(attribute='role')|join(',') }} {{ messages|selectattr('role', 'equalto', 'user')|list|length }} {{ messages|rejectattr('role', 'eq', 'user')|map(attribute='content')|list }}
{{ [3,1]|first }} {{ [3,1]|last }} {{ []|first }} {{ [1,2]|length }} {{ 'äb'|length }} {{ {'a': 1}|length }} {{ [1,2,1]|unique|list }} {{ [1,2]|reverse|list }} {{ 'ab'|reverse }} {{ [0,1,2]|select|list }} {{ [1,2,3]|reject('odd')|list }} {{ ['a']|map('upper')|list }}
{{ '12'|int }} {{ 'x'|int }} {{ '3.7'|int }} {{ 3.7|int }} {{ '1.5'|float }} {{ 2|float }} {{ -3|abs }} {{ 'x'|int(5) }} {{ 1|string + 'a' }}
{{ {'a': 1, 'b': [1, 2.5, none, true, 'ü"\n/<>&\u0001']}|tojson }} {{ []|tojson }} {{ {}|tojson(indent=2) }}
{{ {'a': 1, 'b': [1, {'c': []}]}|tojson(indent=2) }} {{ 'é😀'|tojson(ensure_ascii=true) }} {{ [1, 2]|tojson(separators=(',', ':')) }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }}{{ ',' if not loop.last }}{% endfor %} {% for k, v in {'a': 1}|items %}{{ k }}{{ v }}{% endfor %} {% for k in {'a': 1} %}{{ k }}{% endfor %} {{ {'a': 1}.get('b', 'z') }} {{ {'a': 1}.get('a') }} {{ {'a': 1}.get('q') }} {{ {'a': 1}.keys()|list }} {{ {'a': 1}.values()|list }}
{% for i in range(5) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }};{% endfor %}
{% for i in range(6) if i is odd %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% else %}none{% endfor %}{% for i in [] %}x{% else %}empty{% endfor %}
{% for i in range(2, 10, 3) %}{{ i }}{% endfor %}{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}
{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for c in 'añ' %}{{ c }}.{% endfor %}{% for a, b in [[1, 2], (3, 4)] %}{{ a }}-{{ b }} {% endfor %}{% for a in [1, 2] %}{% for b in [3] %}{{ loop.index }}{{ a }}{{ b }}{% endfor %}{{ loop.index }}{% endfor %}
{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}{% set a, b = 1, 2 %}{{ a }}{{ b }}{% if true %}{% set x = 9 %}{% endif %}{{ x }}
{% set ns = namespace(x=0, y='a') %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.z }}{% set block %}in {{ ns.x }} block{% endset %}[{{ block }}]
{{ 1 is number }} {{ 'a' is string }} {{ none is none }} {{ [] is sequence }} {{ {} is mapping }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ true is boolean }} {{ 1 is integer }} {{ 1.0 is float }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }} {{ 1 is in [1] }} {{ 1 is not none }} {{ true is true }} {{ 1 is true }} {{ 'a' is lower }} {{ 3 is gt 2 }} {{ not 3 is odd }} {{ true is integer }} {{ missing is undefined }}
{# comment #}a{#- strip -#} b {%- if true %} c {% endif -%} d
   {% if true %}   
  indented {{ 1 }}
   {% endif %}   
end
   {%+ if true %}x{% endif +%}
y{{- ' z' -}}   w
{{ "a\tb\\n\'\"\x41\u00e9" }} {{ 'line
break' }}
{{ '%s' }} {{ '{{ }}' }} {{ {'a': {'b': 1}}['a']['b'] }} {{ {'a': {'b': 1}}.a.b }}
{{ raise_exception('no ' ~ 'way') }}
{{ messages[0]['role'] if messages else 'nobody' }} {{ messages[-1].content if messages }}
{{ bos_token }}{{ eos_token }}{{ tools }}{{ documents is none }}
{{ 'a'.__class__ }}
{{ messages.__class__.__mro__ }}
{{ [].append(1) }}
{{ 1 // 0 }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(1, blank=true) }}
{{ 1.0 }} {{ 0.1 }} {{ 1e-05 if false }} {{ 100000000000000000.0 }} {{ 123456789.125 }} {{ 1_000 }}
{{ dict(a=1, b='x') }} {{ dict(a=1).a }} {{ [1] + [2] }} {{ (1,)|list }}
{{ strftime_now('%d') }}
{% macro f(x) %}{{ x }}{% endmacro %}
{% include 'x' %}
{{ 1 | nothing }} {{ 2 is nothing }}
{% if true %}
{{ (1 }}
{{ 'a }}
{% for x in %}{% endfor %}
{% endif %}
""".strip("\n").split("\n")
# snippets of several lines
JOIN = [("{# comment", 6), ("{{ \"a\\tb", 1), ("{% if true %}", 0)]


def snippets():
    i = 0
    while i < len(SNIPPETS):
        n = next((n for start, n in JOIN if SNIPPETS[i].startswith(start)), 0)
        yield "\n".join(SNIPPETS[i:i + n + 1])
        i += n + 1


def render(src, chat, generate, extra):
    try:
        return {"text": env.from_string(src).render(messages=[{"role": r, "content": c} for r, c in chat], add_generation_prompt=generate, bos_token="<s>", eos_token="</s>", **{"tools": None, "documents": None, **extra})}
    except Exception as e:
        return {"error": str(e)}


out = []
for name, src in STYLES.items():
    for i, chat in enumerate(CHATS):
        for generate in (False, True):
            extra = EXTRA if i % 2 == 0 and generate else {}
            out.append(dict(name=name, source=src, chat=chat, generate=generate, extra=extra, **render(src, chat, generate, extra)))
for src in snippets():
    out.append(dict(name="snippet", source=src, chat=CHATS[2], generate=True, extra={}, **render(src, CHATS[2], True, {})))
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(out, ensure_ascii=False, indent=0))
print(len(out), "renderings,", sum("error" in o for o in out), "errors")
for o in out:
    if "error" in o and o["name"] == "snippet":
        print(repr(o["source"]), "->", o["error"])
