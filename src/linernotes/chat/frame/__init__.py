"""What every feature in Discord stands on: the bot with its buttons, embeds and manners. Knows no feature.

::

    bot               the bot class, and what its features share
    hooks             where one feature adds to what another does
    responses         how an interaction is deferred, answered once, and told what went wrong
    buttons           what every button is made of: it works after a restart
    forms             what every form is made of
    completion        what Discord offers while somebody types an option
    embeds            limits, colours, pages, lists; an embed as plain text
    citations         titles with links, who was quoted, a passage in full
    introduction      what the bot can do
    markup            text of people and of articles made safe for Discord
    question_text     the question in a message
    sessions          conversations, in memory only
    welcome           who may ask where
    manners           how often, and how many at once
    server_settings   what each server's moderators have set
    moderators        who moderates: what each command and button for moderators checks first
    corpus_group      the group ``/corpus``
    membership        in which servers the bot is
    minutes           what features do now and then
    synchronise       tells Discord which commands there are
    health, metrics   whether it is well, and its figures, for whoever watches over the process
    logs              the same in entries; no token is ever in one
    identity          whose token it is, asked without connecting
"""
